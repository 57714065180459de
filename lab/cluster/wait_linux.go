package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// poll is the interval of questions that have no watch.
const poll = 100 * time.Millisecond

// permanent marks an answer that asking again will not change.
type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// wait asks until the answer is nil or permanent, ctx ends or the time is up;
// a time-out reports what was last seen.
func wait(ctx context.Context, limit, every time.Duration, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if p := (*permanent)(nil); errors.As(err, &p) {
			return p.err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not ready after %v; last seen: %w", limit, last)
			}
			return fmt.Errorf("%w; last seen: %w", ctx.Err(), last)
		case <-time.After(every):
		}
	}
}
