package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// A worker is a process that scores one model in its own ways.
type worker struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	log   *bytes.Buffer
	hello []hello
}

// oneThread are the settings that keep every library on one thread, also those
// that start pools before anybody can tell them.
var oneThread = []string{"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1", "GOMAXPROCS=1"}

// startWorker starts a process and waits until it has presented its ways.
func startWorker(ctx context.Context, environ []string, program string, args ...string) (*worker, error) {
	w := &worker{cmd: exec.CommandContext(ctx, program, args...), log: new(bytes.Buffer)}
	w.cmd.Env = append(os.Environ(), environ...)
	w.cmd.Stderr = w.log
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.in, w.out = in, bufio.NewReaderSize(out, 1<<16)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	if err := w.read(&w.hello); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// slice asks for laps, in nanoseconds a row.
func (w *worker) slice(who string, batch, ms int) (laps []float64, err error) {
	if err := json.NewEncoder(w.in).Encode(ask{Who: who, Batch: batch, MS: ms}); err != nil {
		return nil, w.failed(err)
	}
	err = w.read(&laps)
	if err == nil && len(laps) == 0 {
		err = w.failed(errors.New("no lap"))
	}
	return laps, err
}

func (w *worker) read(into any) error {
	line, err := w.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		return w.failed(err)
	}
	return nil
}

// failed says what the process had to say: its end is in the last lines.
func (w *worker) failed(err error) error {
	// The process ends by itself when its input does; then its log is whole.
	_ = w.in.Close()
	_ = w.cmd.Wait()
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	return fmt.Errorf("%s: %w; its last lines:\n%s", strings.Join(w.cmd.Args, " "), err, strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

// stop ends the process, which stops when its input ends.
func (w *worker) stop() error {
	if w.cmd.ProcessState != nil {
		return nil // failed has waited for it
	}
	err := w.in.Close()
	return errors.Join(err, w.cmd.Wait())
}
