// Package otlp sends spans and metrics to an OpenTelemetry collector by
// OTLP/HTTP in its binary form, the protocol's default.
//
// Spans are made, sampled and batched by OpenTelemetry's own library; only the
// last step is here. Its exporter would bring gRPC and generated code along: 10 MB
// of program and 2 ms of every start, of which the server has 20.
package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A Client posts to one address of a collector.
type Client struct {
	URL     string
	Headers map[string]string
	Gzip    bool
	Timeout time.Duration // of a delivery with all its attempts
	HTTP    *http.Client
}

// Bounds of a delivery.
const (
	firstWait = 100 * time.Millisecond // before the second attempt; doubled for each further one
	longWait  = 5 * time.Second
	maxAnswer = 64 << 10 // bytes of an answer that are read
)

// errTransient is a failure that the protocol says to try again.
var errTransient = errors.New("the collector is not available")

// post delivers a request. It tries again what the protocol calls retryable, until
// the time is over.
func (c *Client) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if c.Gzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		body = b.Bytes()
	}
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		pause, err := c.attempt(ctx, body)
		if !errors.Is(err, errTransient) {
			return err
		}
		// Half of the wait is chance, so that many pods do not come back at once.
		pause = max(pause, wait/2+rand.N(wait/2))
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot deliver to %s: %w", c.URL, err)
		case <-time.After(pause):
		}
	}
}

// attempt posts once; pause is what the collector asks to wait.
func (c *Client) attempt(ctx context.Context, body []byte) (pause time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, value := range c.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if c.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errTransient, err)
	}
	// Read to its end, so that the connection serves the next delivery.
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	err = errors.Join(err, res.Body.Close())
	switch res.StatusCode {
	case http.StatusOK:
		return 0, err
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, bad := strconv.Atoi(res.Header.Get("Retry-After"))
		if bad != nil || seconds < 0 {
			seconds = 0
		}
		return time.Duration(seconds) * time.Second, fmt.Errorf("%w: status %d", errTransient, res.StatusCode)
	}
	return 0, fmt.Errorf("cannot deliver to %s: status %d", c.URL, res.StatusCode)
}
