package compare

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
	"path/filepath"
	"sync"
	"time"

	"online-inference/lab/demo"
	"online-inference/lab/load"
	"online-inference/lab/record"
)

// bodies are predictions of real patients: a few bodies of one patient, which
// are sent in turn, or a single one of many.
func bodies(root string, rows int) (out [][]byte, err error) {
	const turns = 16
	f, err := os.Open(filepath.Join(root, "train", "data", "heart.csv"))
	if err != nil {
		return nil, fmt.Errorf("cannot open the patients: %w", err)
	}
	defer f.Close()
	all, err := demo.ReadPatients(f)
	if err != nil {
		return nil, err
	}
	if rows > 1 {
		many := demo.Patients{Features: all.Features}
		for i := range rows {
			many.Rows = append(many.Rows, all.Rows[i%len(all.Rows)])
		}
		body, err := json.Marshal(map[string]any{"features": many.Features, "data": many.Rows})
		if err != nil {
			return nil, fmt.Errorf("cannot encode %d patients: %w", rows, err)
		}
		return [][]byte{body}, nil
	}
	for i := range turns {
		body, err := all.Request(i)
		if err != nil {
			return nil, err
		}
		out = append(out, body)
	}
	return out, nil
}

// clients is the running load program.
type clients struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr bytes.Buffer
	done   chan struct{} // closed when the program's output has ended

	mu      sync.Mutex
	keep    bool      // lines are recorded; until then they only warm up
	from    time.Time // when that began: a request that was due before does not count
	streak  map[string]int
	failed  error // of the output
	lastBad string
	changed chan struct{}
}

// startClients starts `lab load -serve` by argv, which says where it runs.
func startClients(ctx context.Context, argv []string, environ []string, started time.Time, list []load.Client, out *record.Writer) (*clients, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c := &clients{cmd: cmd, done: make(chan struct{}), streak: map[string]int{}, changed: make(chan struct{})}
	cmd.Env, cmd.Stderr = environ, &c.stderr
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("cannot start the clients: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start the clients: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the clients: %w", err)
	}
	for _, l := range list {
		c.streak[l.Name] = 0
	}
	go c.read(stdout, started, out)
	if err := c.send(load.Command{Started: started.UnixMicro(), Clients: list}); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *clients) send(command load.Command) error {
	text, err := json.Marshal(command)
	if err != nil {
		return fmt.Errorf("cannot encode a command to the clients: %w", err)
	}
	if _, err := c.stdin.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("cannot reach the clients: %w", err)
	}
	return nil
}

func (c *clients) rate(name string, perSecond float64) error {
	return c.send(load.Command{Client: name, Rate: perSecond})
}

// read passes the program's lines on.
func (c *clients) read(stdout io.Reader, started time.Time, out *record.Writer) {
	defer close(c.done)
	scan := bufio.NewScanner(stdout)
	for scan.Scan() {
		var line record.Line
		err := json.Unmarshal(scan.Bytes(), &line)
		if err == nil && line.Request == nil {
			err = errors.New("a line without a request")
		}
		c.mu.Lock()
		if at := started.Add(time.Duration(line.T) * time.Millisecond); err == nil && !at.Before(c.from) {
			r := line.Request
			c.streak[r.Client]++
			if !r.OK() {
				c.streak[r.Client] = 0
				c.lastBad = fmt.Sprintf("%s: status %d %s", r.Client, r.Status, r.Error)
			}
			if c.keep {
				err = out.Put(at, line)
			}
		}
		c.fail(err)
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
	}
	c.mu.Lock()
	c.fail(scan.Err())
	c.mu.Unlock()
}

func (c *clients) fail(err error) {
	if err != nil && c.failed == nil {
		c.failed = fmt.Errorf("cannot read the clients' output: %w", err)
	}
}

// steady waits until each client has had so many good answers in a row.
func (c *clients) steady(ctx context.Context, answers int) error {
	for {
		c.mu.Lock()
		least, changed, bad := -1, c.changed, c.lastBad
		for _, n := range c.streak {
			if least < 0 || n < least {
				least = n
			}
		}
		c.mu.Unlock()
		if least >= answers {
			return nil
		}
		select {
		case <-changed:
		case <-c.done:
			return errors.New("the clients ended") // stop tells why
		case <-ctx.Done():
			return fmt.Errorf("no steady answers: %w; last failure: %s", ctx.Err(), bad)
		}
	}
}

// record begins to keep the requests that are due from now on.
func (c *clients) record(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep, c.from = true, now
	for name := range c.streak {
		c.streak[name] = 0
	}
}

// stop ends the stream and waits for the answers that are due.
func (c *clients) stop() error {
	err := c.stdin.Close()
	<-c.done
	if fault := c.cmd.Wait(); fault != nil {
		err = errors.Join(err, fmt.Errorf("the clients failed: %w: %s", fault, bytes.TrimSpace(c.stderr.Bytes())))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(err, c.failed)
}
