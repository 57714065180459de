package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A form is one way to ask: requests as they go over the wire, in turns, and how to
// read the answers' probabilities.
type form struct {
	requests [][]byte
	answer   func(body []byte, head int) ([]float64, error)
}

// newForm makes the requests; head is the length of the JSON text before binary
// tensors, 0 without them.
func newForm(path string, bodies [][]byte, head int, answer func([]byte, int) ([]float64, error)) *form {
	f := &form{answer: answer}
	for _, body := range bodies {
		kind := "Content-Type: application/json\r\n"
		if head > 0 {
			kind = fmt.Sprintf("Content-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\n", head)
		}
		f.requests = append(f.requests, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", path, kind, len(body), body))
	}
	return f
}

// A client is a connection that does no more for a request than it must, so that
// its own time hides little of the server's.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	body []byte
}

func dial(ctx context.Context, address string) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// close ends the connection, all of whose answers have been read.
func (c *client) close() { _ = c.conn.Close() }

// ask sends a request and reads the answer, which is good until the next one; head
// is the length of its JSON text, 0 without binary tensors. It is an error where
// the status is not 200.
func (c *client) ask(request []byte) (body []byte, head int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, 0, err
	}
	ok, status := bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")), string(bytes.TrimSpace(line))
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return nil, 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		var into *int
		switch {
		case same(name, "Content-Length"):
			into = &length
		case same(name, "Inference-Header-Content-Length"):
			into = &head
		default:
			continue
		}
		if *into, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
			return nil, 0, err
		}
	}
	if length < 0 {
		return nil, 0, fmt.Errorf("%s: an answer without its length", status)
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	if _, err := io.ReadFull(c.r, c.body); err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, fmt.Errorf("%s: %.200s", status, c.body)
	}
	return c.body, head, nil
}

// same compares names of headers.
func same(name []byte, key string) bool {
	return len(name) == len(key) && strings.EqualFold(string(name), key)
}

// series asks one request after another for a time, and says when each was asked.
func series(length time.Duration, ask func(i int) error) (*sample, error) {
	began := time.Now()
	var times []float64
	for i := 0; i == 0 || time.Since(began) < length; i++ {
		asked := time.Now()
		if err := ask(i); err != nil {
			return nil, err
		}
		times = append(times, us(time.Since(asked)))
	}
	return newSample(times, time.Since(began)), nil
}

// The open load.
const (
	openRate    = 1000 // requests a second
	openClients = 64
)

// open sends requests at fixed times over some connections. A time counts from when
// its request was due, so that waiting behind others is part of it. What is left
// when three times the length has passed is left out.
func open(ctx context.Context, address string, f *form, length time.Duration) (*sample, error) {
	total := int(length.Seconds() * openRate)
	due := make(chan time.Time, total)
	var (
		mu    sync.Mutex
		times []float64
		fails []error
		last  time.Time
		wg    sync.WaitGroup
	)
	for k := range openClients {
		c, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		defer c.close()
		wg.Go(func() {
			for i := k; ; i += openClients {
				at, more := <-due
				if !more || time.Since(at) > 3*length {
					return
				}
				_, _, err := c.ask(f.requests[i%len(f.requests)])
				end := time.Now()
				mu.Lock()
				if err != nil {
					fails = append(fails, err)
				}
				times, last = append(times, us(end.Sub(at))), end
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	began := time.Now()
	var late error
	for i := 0; i < total && late == nil; i++ {
		at := began.Add(time.Duration(i) * time.Second / openRate)
		late = waitUntil(at)
		due <- at
		runtime.Gosched() // whoever takes it shall not wait for this thread
	}
	close(due)
	wg.Wait()
	if late != nil {
		return nil, late
	}
	if len(fails) > 0 {
		return nil, errors.Join(fails...)
	}
	return newSample(times, last.Sub(began)), nil
}

// newSample sums up the times of answers, in µs.
func newSample(times []float64, took time.Duration) *sample {
	slices.Sort(times)
	at := func(share float64) float64 { return times[int(share*float64(len(times)-1))] }
	return &sample{requests: len(times), seconds: took.Seconds(), rate: float64(len(times)) / took.Seconds(), p50: at(0.5), p99: at(0.99)}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// longestLarge is how long an answer to a body that is too large is waited for.
const longestLarge = time.Minute

// sendLarge sends a body that is too large, and reads the answer; the status is 0
// where there is none: that is a result, too.
func sendLarge(ctx context.Context, url string, body []byte) (status int, took time.Duration, err error) {
	bounded, cancel := context.WithTimeout(ctx, longestLarge)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	began := time.Now()
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0, time.Since(began), ctx.Err()
	}
	_, err = io.Copy(io.Discard, res.Body)
	took = time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, took, ctx.Err()
	}
	return res.StatusCode, took, nil
}
