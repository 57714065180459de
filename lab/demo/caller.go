package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Answer is what the server says about a prediction, and who said it.
type Answer struct {
	Model, Version, Revision, Pod string
	Predictions                   []struct {
		Label int    `json:"label"`
		Class string `json:"class"`
	} `json:"predictions"`
}

// Caller sends predictions to routes. Every connection goes to the ingress,
// whatever the URL's host: the lab's domain is in no DNS.
type Caller struct{ client *http.Client }

// NewCaller makes a caller; with an empty ingress hosts are looked up in DNS.
func NewCaller(ingress string) *Caller {
	transport := &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second}
	if ingress != "" {
		dialer := &net.Dialer{Timeout: 5 * time.Second}
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, ingress)
		}
	}
	// A first request waits for a pod: it may take a while on a busy machine.
	return &Caller{client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// Close gives up the idle connections.
func (c *Caller) Close() { c.client.CloseIdleConnections() }

// Predict posts a body to the route and checks that headers and body agree
// about who answered.
func (c *Caller) Predict(ctx context.Context, route *url.URL, body []byte) (*Answer, error) {
	target := route.JoinPath("predict").String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s: %w", target, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s: %w", target, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("cannot read the answer of %s: %w", target, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d: %s", target, resp.StatusCode, strings.TrimSpace(string(data)))
	}
	answer := &Answer{}
	if err := json.Unmarshal(data, answer); err != nil {
		return nil, fmt.Errorf("cannot decode the answer of %s: %w", target, err)
	}
	if h := resp.Header.Get("X-Revision"); h != answer.Revision {
		return nil, fmt.Errorf("%s: header X-Revision is %q, the body says %q", target, h, answer.Revision)
	}
	if len(answer.Predictions) != 1 {
		return nil, fmt.Errorf("%s answers with %d predictions, want 1", target, len(answer.Predictions))
	}
	return answer, nil
}
