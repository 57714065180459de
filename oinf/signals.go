package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// graceful lets a signal to stop end ctx, so that what was answered is whole and
// unfinished files are removed. A second one ends the process at once, as the
// first does before graceful is called: nothing is to be put in order while a
// model is loaded, and a file that takes long must not hold the user. stop undoes
// it.
func graceful(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			signal.Stop(signals) // the next one finds no handler
			cancel(&stopped{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// stopped is the cause of a context that a signal has ended.
type stopped struct{ by os.Signal }

func (s *stopped) Error() string { return fmt.Sprintf("stopped by signal: %v", s.by) }

// signalled gives the error of a run that a signal has ended the exit code that a
// shell shows for a process which the signal itself ends.
func signalled(ctx context.Context, err error) error {
	var s *stopped
	if err == nil || !errors.As(context.Cause(ctx), &s) {
		return err
	}
	code := exitInterrupted
	if n, ok := s.by.(syscall.Signal); ok {
		code = 128 + int(n)
	}
	return &exitError{code, err}
}
