package conform

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// send makes one HTTP exchange with the client that all checks share.
func (t *target) send(ctx context.Context, method, path string, header http.Header, body []byte) answer {
	return t.sendReader(ctx, method, path, header, bytes.NewReader(body), int64(len(body)))
}

// sendReader is send with a body of unknown (-1) or announced length.
func (t *target) sendReader(ctx context.Context, method, path string, header http.Header, body io.Reader, length int64) answer {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	u, err := t.url(path)
	if err != nil {
		return answer{err: err}
	}
	if length == 0 {
		body = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return answer{err: err}
	}
	req.ContentLength = length
	for name, values := range header {
		if name == "Host" {
			req.Host = values[0]
		} else {
			req.Header[name] = values
		}
	}
	res, err := t.client.Do(req)
	if err != nil {
		return answer{err: plain(err)}
	}
	return read(res)
}

// plain drops URL and ports from an error of net/http: reports are compared.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

func (t *target) url(path string) (string, error) {
	p, err := url.Parse(path)
	if err != nil {
		return "", err
	}
	u := *t.base
	u.Path, u.RawPath, u.RawQuery = u.Path+p.Path, u.EscapedPath()+p.EscapedPath(), p.RawQuery
	return u.String(), nil
}

// read takes an answer whole.
func read(res *http.Response) answer {
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{err: fmt.Errorf("status %d, but the body ends early: %w", res.StatusCode, err)}
	}
	return answer{status: res.StatusCode, header: res.Header, body: b}
}

// unpacked is the answer without its content coding.
func (a answer) unpacked() (answer, error) {
	switch enc := strings.ToLower(a.header.Get("Content-Encoding")); enc {
	case "", "identity":
		return a, nil
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(a.body))
		if err != nil {
			return a, fmt.Errorf("the body says gzip: %w", err)
		}
		if a.body, err = io.ReadAll(io.LimitReader(r, maxAnswer)); err != nil {
			return a, fmt.Errorf("the body says gzip: %w", err)
		}
		return a, nil
	default:
		return a, fmt.Errorf("content coding %q was not asked for", enc)
	}
}

// A raw connection sends bytes as they are and reads answers one by one.
type connection struct {
	net.Conn
	r *bufio.Reader
}

// end closes the connection; what comes of that says nothing of an answer.
func (c *connection) end() { _ = c.Close() }

// dial opens a connection that lives no longer than a check.
func (t *target) dial(ctx context.Context, address string) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			_ = c.Close() // the first error is the one to tell
			return nil, err
		}
	}
	if t.base.Scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: t.base.Hostname()})
	}
	return &connection{c, bufio.NewReader(c)}, nil
}

// address is host:port of the server.
func (t *target) address() string {
	if t.base.Port() != "" {
		return t.base.Host
	}
	return net.JoinHostPort(t.base.Hostname(), map[string]string{"https": "443"}[t.base.Scheme]+map[string]string{"http": "80"}[t.base.Scheme])
}

// head writes the first lines of a request; more lines may be given.
func (t *target) head(method, path, version string, lines ...string) []byte {
	u := t.base.EscapedPath() + path
	return []byte(method + " " + u + " " + version + "\r\nHost: " + t.base.Host + "\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n")
}

// next reads an answer to a request of the method.
func (c *connection) next(method string) answer {
	for {
		res, err := http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil {
			return answer{err: plain(err)}
		}
		closing := res.Close
		a := read(res) // closes the body
		if a.status == http.StatusContinue {
			continue
		}
		if a.err == nil && closing {
			a.header.Set("Connection", "close")
		}
		return a
	}
}

// headRequest makes a HEAD request by hand, as net/http's client would hide a
// body that comes nevertheless.
func (t *target) headRequest(ctx context.Context, path string) answer {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{err: err}
	}
	defer c.end()
	if _, err := c.Write(t.head(http.MethodHead, path, "HTTP/1.1", "Connection: close")); err != nil {
		return answer{err: err}
	}
	a := c.next(http.MethodHead)
	if a.err == nil {
		a.body, a.err = io.ReadAll(io.LimitReader(c.r, maxAnswer))
	}
	return a
}
