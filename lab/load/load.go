// Package load sends predictions at a fixed rate and records each of them. The
// loop is open: a request leaves when it is due, whether or not earlier ones
// have been answered, and its latency counts from that moment, so that a
// service that stops answering shows up in full.
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"online-inference/lab/record"
)

// Client is one stream of requests.
type Client struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Host is the Host header, where it is not the URL's.
	Host string `json:"host,omitempty"`
	// Rate is in requests a second.
	Rate float64 `json:"rate"`
	// Fresh gives each request a connection of its own. Otherwise requests take
	// turns on Connections kept ones.
	Fresh       bool `json:"fresh,omitempty"`
	Connections int  `json:"connections,omitempty"`
	// Timeout is from the moment at which the request was due.
	Timeout time.Duration `json:"timeout"`
	// InFlight bounds the requests that wait for an answer. One that is due
	// beyond it has failed with the error "overload".
	InFlight int `json:"in_flight"`
	// Bodies are sent in turn.
	Bodies [][]byte `json:"bodies"`
}

// Emit takes a request that has ended, with the time at which it was due.
type Emit func(due time.Time, r record.Request)

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 1 << 20

func (c *Client) check() error {
	switch {
	case c.Rate <= 0 || c.Rate > 10000:
		return fmt.Errorf("client %s: rate %g, want more than 0 and at most 10000 a second", c.Name, c.Rate)
	case c.Timeout <= 0:
		return fmt.Errorf("client %s: timeout %v, want more than 0", c.Name, c.Timeout)
	case c.InFlight < 1:
		return fmt.Errorf("client %s: %d requests in flight, want at least 1", c.Name, c.InFlight)
	case !c.Fresh && c.Connections < 1:
		return fmt.Errorf("client %s: %d connections, want at least 1", c.Name, c.Connections)
	case len(c.Bodies) == 0:
		return fmt.Errorf("client %s: nothing to send", c.Name)
	}
	return nil
}

// Run sends until ctx ends and then waits for the answers that are due. A new
// rate from rates, more than 0, holds from the next request on.
func (c *Client) Run(ctx context.Context, rates <-chan float64, emit Emit) error {
	if err := c.check(); err != nil {
		return err
	}
	clients := c.transports()
	defer func() {
		for _, h := range clients {
			h.CloseIdleConnections()
		}
	}()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	slots := make(chan struct{}, c.InFlight)
	rate, due := c.Rate, time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case rate = <-rates:
			continue
		case <-timer.C:
		}
		at, turn := due, n
		select {
		case slots <- struct{}{}:
			waiting.Go(func() {
				r := c.ask(clients[turn%len(clients)], at, c.Bodies[turn%len(c.Bodies)])
				<-slots
				emit(at, r)
			})
		default:
			emit(at, record.Request{Client: c.Name, Error: Overload})
		}
		n++
		due = due.Add(time.Duration(float64(time.Second) / rate))
		timer.Reset(time.Until(due))
	}
}

// transports makes one HTTP client a kept connection, or a single one without
// kept connections.
func (c *Client) transports() []*http.Client {
	n := c.Connections
	if c.Fresh {
		n = 1
	}
	out := make([]*http.Client, n)
	for i := range out {
		out[i] = &http.Client{
			Transport: &http.Transport{
				DialContext:        (&net.Dialer{KeepAlive: -1}).DialContext,
				DisableKeepAlives:  c.Fresh,
				DisableCompression: true,
				// A second connection is opened where the first one is busy. Neither
				// is given up then: that a kept connection ends is the server's doing.
				MaxIdleConnsPerHost: c.InFlight,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return out
}

// ask sends one request. It has its own context: that the stream ends takes no
// request back.
func (c *Client) ask(h *http.Client, due time.Time, body []byte) record.Request {
	ctx, cancel := context.WithDeadline(context.Background(), due.Add(c.Timeout))
	defer cancel()
	out := record.Request{Client: c.Name}
	out.Error = c.exchange(ctx, h, body, &out)
	// A tenth of a millisecond is finer than the clock of a busy machine is even.
	out.Micros = time.Since(due).Round(100 * time.Microsecond).Microseconds()
	return out
}

// exchange fills in who answered and says in a word what went wrong.
func (c *Client) exchange(ctx context.Context, h *http.Client, body []byte, out *record.Request) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return "request"
	}
	req.Header.Set("Content-Type", "application/json")
	req.Host = c.Host
	resp, err := h.Do(req)
	if err != nil {
		return kind(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return kind(err)
	}
	out.Status = resp.StatusCode
	if v := resp.Header.Get("X-Model-Version"); v != "" {
		out.Version = "v" + v
	}
	out.Pod = resp.Header.Get("X-Pod")
	if out.OK() && !bytes.Contains(answer, []byte(`"predictions"`)) && !bytes.Contains(answer, []byte(`"outputs"`)) {
		return NoPrediction
	}
	return ""
}

// Words of record.Request.Error.
const (
	Refused      = "refused"
	Reset        = "reset"
	Timeout      = "timeout"
	Unreachable  = "unreachable"
	Overload     = "overload"
	NoPrediction = "no prediction"
	Other        = "other"
)

// kind sorts the error of a request that had no answer.
func kind(err error) string {
	var netErr net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Reset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return Timeout
	default:
		return Other
	}
}
