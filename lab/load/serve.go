package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"online-inference/lab/record"
)

// Command is one line of the input of Serve. The input's end stops all clients:
// they never outlive the program that started them.
type Command struct {
	// Started is the time of T = 0 in microseconds since 1970. The first command
	// has it and Clients.
	Started int64    `json:"started,omitempty"`
	Clients []Client `json:"clients,omitempty"`
	// Client and Rate change the rate of one client.
	Client string  `json:"client,omitempty"`
	Rate   float64 `json:"rate,omitempty"`
}

// maxCommand bounds a line of the input in bytes.
const maxCommand = 1 << 20

// Serve runs clients as commands from in say, and writes record lines to out
// until in ends. It is the program that runs where clients have to be, such as
// in the network namespace of a node.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	commands := bufio.NewScanner(in)
	commands.Buffer(nil, maxCommand)
	if !commands.Scan() {
		return errors.Join(errors.New("no command"), commands.Err())
	}
	var first Command
	if err := decode(commands.Bytes(), &first); err != nil {
		return err
	}
	if len(first.Clients) == 0 {
		return errors.New("the first command starts no client")
	}
	w := &writer{enc: json.NewEncoder(out), started: time.UnixMicro(first.Started), fail: stop}
	var running sync.WaitGroup
	rates := map[string]chan float64{}
	for _, c := range first.Clients {
		if rates[c.Name] != nil {
			return fmt.Errorf("two clients are named %q", c.Name)
		}
		rates[c.Name] = make(chan float64)
	}
	for _, c := range first.Clients {
		running.Go(func() {
			if err := c.Run(ctx, rates[c.Name], w.emit); err != nil {
				stop(err)
			}
		})
	}
	go func() { stop(obey(ctx, commands, rates)) }()
	<-ctx.Done()
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errEnd) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// errEnd is the right end of the input.
var errEnd = errors.New("end of the input")

// obey passes new rates on until the input ends.
func obey(ctx context.Context, commands *bufio.Scanner, rates map[string]chan float64) error {
	for commands.Scan() {
		var c Command
		if err := decode(commands.Bytes(), &c); err != nil {
			return err
		}
		to, ok := rates[c.Client]
		if !ok {
			return fmt.Errorf("a command names the client %q, which does not run", c.Client)
		}
		if c.Rate <= 0 {
			return fmt.Errorf("client %s: rate %g, want more than 0", c.Client, c.Rate)
		}
		select {
		case to <- c.Rate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := commands.Err(); err != nil {
		return fmt.Errorf("cannot read the commands: %w", err)
	}
	return errEnd
}

func decode(text []byte, c *Command) error {
	if err := json.Unmarshal(text, c); err != nil {
		return fmt.Errorf("cannot read the command: %w", err)
	}
	return nil
}

// writer writes requests as record lines.
type writer struct {
	mu      sync.Mutex
	enc     *json.Encoder
	started time.Time
	fail    func(error)
}

func (w *writer) emit(due time.Time, r record.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.enc.Encode(record.Line{T: due.Sub(w.started).Milliseconds(), Request: &r}); err != nil {
		w.fail(fmt.Errorf("cannot write the requests: %w", err))
	}
}
