package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// start runs the program once: exec, poll for readiness, read its memory, stop.
func (s *subject) start(ctx context.Context, trace bool) (sample, error) {
	port, err := freePort(ctx)
	if err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, s.program)
	cmd.Env = append([]string{"PORT=" + port}, s.environ...)
	if trace {
		cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	x := sample{}
	err = awaitReady(ctx, net.JoinHostPort("127.0.0.1", port))
	x.ready = float64(time.Since(began).Microseconds()) / 1000
	if err == nil {
		time.Sleep(50 * time.Millisecond) // idle, the ready line written
		err = x.memory(cmd.Process.Pid)
	}
	if stop := cmd.Process.Signal(syscall.SIGTERM); stop != nil {
		err = errors.Join(err, stop)
	}
	// The floor does not handle the signal: how it ends is no result.
	var exit *exec.ExitError
	if end := cmd.Wait(); end != nil && !errors.As(end, &exit) {
		err = errors.Join(err, end)
	}
	if err != nil {
		return x, fmt.Errorf("%w; its log: %s", err, log.String())
	}
	x.stages = readStages(log.Bytes())
	if trace {
		x.inits, err = readInits(log.Bytes())
	}
	return x, err
}

// patience bounds the wait for one start.
const patience = 10 * time.Second

// awaitReady asks for readiness until it is there.
func awaitReady(ctx context.Context, address string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(poll) {
		ok, err := askReady(ctx, address)
		switch {
		case ok:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("not ready within %v: %w", patience, err)
		}
	}
}

// askReady asks once on a connection of its own; http.Client would add its own
// costs to the figures.
func askReady(ctx context.Context, address string) (bool, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	if _, err := io.WriteString(conn, "GET /v2/health/ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"); err != nil {
		return false, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false, err
	}
	return res.StatusCode == http.StatusOK, res.Body.Close()
}

// memory reads what the process holds; nothing on systems without /proc.
func (x *sample) memory(pid int) error {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		kB, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return err
		}
		switch f[0] {
		case "VmRSS:":
			x.rss = kB * 1024
		case "RssAnon:":
			x.rssAnon = kB * 1024
		}
	}
	return nil
}

// readInits sums up what GODEBUG=inittrace=1 tells: lines such as
// "init net/http @3.2 ms, 0.036 ms clock, 4712 bytes, 49 allocs".
func readInits(log []byte) (float64, error) {
	sum := 0.0
	for line := range strings.Lines(string(log)) {
		f := strings.Fields(line)
		if len(f) < 7 || f[0] != "init" || f[6] != "clock," {
			continue
		}
		ms, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			return 0, err
		}
		sum += ms
	}
	if sum == 0 {
		return 0, errors.New("the log has no trace of initialisation")
	}
	return sum, nil
}

// readStages finds the stages in the ready line of a log.
func readStages(log []byte) map[string]float64 {
	for line := range bytes.Lines(log) {
		fields := map[string]any{}
		if json.Unmarshal(line, &fields) != nil || fields["message"] != "ready" {
			continue // another line, or no JSON
		}
		stages := map[string]float64{}
		for key, v := range fields {
			if name, ok := strings.CutSuffix(key, "_ms"); ok {
				if ms, ok := v.(float64); ok {
					stages[name] = ms
				}
			}
		}
		return stages
	}
	return nil
}
