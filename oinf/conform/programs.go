package conform

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"online-inference/oinf/conform/checks"
)

// A sender is a program of the table: it sends what one plain exchange cannot. It returns the answer that the
// check's rules are held against; an error is a failure by itself.
type sender func(ctx context.Context, t *target, c *checks.Check, r *request) (answer, error)

var programs = map[string]sender{
	"two-types":            twice("Content-Type", "text/plain"),
	"two-lengths":          twice(headerLength, "1"),
	"gzip-bomb":            gzipBomb,
	"chunked":              chunked,
	"pieces":               pieces,
	"continue":             expectContinue,
	"keep-alive":           keepAlive(func(*request) *request { return nil }),
	"keep-alive-error":     keepAlive(func(r *request) *request { return &request{method: r.method, path: r.path, body: []byte("{")} }),
	"keep-alive-unknown":   keepAliveUnknown,
	"pipelined":            pipelined,
	"half-body":            halfBody,
	"big-length":           bigLength,
	"big-chunked":          bigChunked,
	"many-rows":            manyRows,
	"concurrent":           concurrent,
	"concurrent-mixed":     concurrentMixed,
	"http10":               http10,
	"same-port":            samePort,
	"grpc-concurrent":      grpcConcurrent,
	"grpc-after-error":     grpcAfterError,
	"grpc-watch":           grpcWatch,
	"grpc-reflection":      grpcReflection,
	"grpc-reflection-file": grpcReflectionFile,
}

// twice sends a header a second time with another value.
func twice(name, value string) sender {
	return func(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
		r.header[name] = append(slices.Clone(r.header[name]), value)
		return t.send(ctx, r.method, r.path, r.header, r.body), nil
	}
}

// gzipBomb sends 256 MiB of spaces, packed.
func gzipBomb(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 256 {
		if _, err := w.Write(block); err != nil {
			return answer{}, err
		}
	}
	if err := w.Close(); err != nil {
		return answer{}, err
	}
	r.body = b.Bytes()
	return t.send(ctx, r.method, r.path, r.header, r.body), nil
}

// chunked hides the length of the body from net/http.
func chunked(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	return t.sendReader(ctx, r.method, r.path, r.header, bytes.NewReader(r.body), -1), nil
}

// lines are the head of a plain request with a body, for raw connections.
func (t *target) lines(r *request, length int, more ...string) []byte {
	return t.head(r.method, r.path, "HTTP/1.1", append([]string{"Content-Type: application/json", "Content-Length: " + strconv.Itoa(length)}, more...)...)
}

// pieces sends the body in five, a moment apart.
func pieces(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	if _, err := c.Write(t.lines(r, len(r.body))); err != nil {
		return answer{}, err
	}
	for part := range slices.Chunk(r.body, len(r.body)/5+1) {
		if _, err := c.Write(part); err != nil {
			return answer{}, err
		}
		time.Sleep(20 * time.Millisecond) // so that it arrives as pieces
	}
	return c.next(r.method), nil
}

// expectContinue sends the body after the server has said 100.
func expectContinue(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	if _, err := c.Write(t.lines(r, len(r.body), "Expect: 100-continue")); err != nil {
		return answer{}, err
	}
	first, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return answer{}, fmt.Errorf("no answer to Expect: 100-continue: %w", err)
	}
	if first.StatusCode != http.StatusContinue {
		return read(first), nil
	}
	if _, err := c.Write(r.body); err != nil {
		return answer{}, err
	}
	return c.next(r.method), nil
}

// keepAlive sends a request, then the valid one over the same connection.
func keepAlive(before func(*request) *request) sender {
	return func(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
		first := before(r)
		if first == nil {
			first = r
		}
		c, err := t.dial(ctx, t.address())
		if err != nil {
			return answer{}, err
		}
		defer c.end()
		for i, one := range []*request{first, r} {
			if _, err := c.Write(append(t.lines(one, len(one.body)), one.body...)); err != nil {
				return answer{}, fmt.Errorf("request %d: %w", i+1, err)
			}
			a := c.next(one.method)
			if i == 1 || a.err != nil {
				return a, nil
			}
			if a.header.Get("Connection") == "close" {
				return answer{}, fmt.Errorf("the server closes the connection after %d", a.status)
			}
		}
		return answer{}, nil
	}
}

// keepAliveUnknown sends a body to a model that nobody has. The server may close;
// what it must not do is read the rest of the body as a request.
func keepAliveUnknown(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	wrong := &request{method: r.method, path: "/v2/models/no-such-model/infer"}
	if _, err := c.Write(append(t.lines(wrong, len(r.body)), r.body...)); err != nil {
		return answer{}, err
	}
	a := c.next(r.method)
	if a.err != nil || a.status/100 != 4 {
		return answer{}, fmt.Errorf("the unknown model: %s", a.String())
	}
	if a.header.Get("Connection") == "close" {
		return t.send(ctx, r.method, r.path, r.header, r.body), nil
	}
	if _, err := c.Write(append(t.lines(r, len(r.body)), r.body...)); err != nil {
		return answer{}, err
	}
	return c.next(r.method), nil
}

// pipelined sends two requests before it reads the answers; their ids tell the
// answers apart.
func pipelined(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	var both []byte
	for _, id := range []string{"first", "second"} {
		one := r.sent.clone()
		one.set("id", str(id))
		body := one.bytes()
		both = append(append(both, t.lines(r, len(body))...), body...)
	}
	if _, err := c.Write(both); err != nil {
		return answer{}, err
	}
	var a answer
	for _, id := range []string{"first", "second"} {
		if a = c.next(r.method); a.err != nil {
			return answer{}, fmt.Errorf("%s: %w", id, a.err)
		}
		doc, _, err := a.json()
		if err != nil {
			return answer{}, fmt.Errorf("%s: %w", id, err)
		}
		if got := doc.get("id"); got == nil || got.text() != id {
			return answer{}, fmt.Errorf("the %s answer is not to the %s request", id, id)
		}
	}
	return a, nil
}

// halfBody announces more than it sends and ends its side.
func halfBody(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	if _, err := c.Write(append(t.lines(r, len(r.body)+100), r.body...)); err != nil {
		return answer{}, err
	}
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return answer{}, errors.New("the connection has no half close")
	}
	if err := half.CloseWrite(); err != nil {
		return answer{}, err
	}
	return c.next(r.method), nil
}

// bigLength announces 1 TiB and sends 64 KiB of it.
func bigLength(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	if _, err := c.Write(append(t.lines(r, 1<<40), bytes.Repeat([]byte(" "), 64<<10)...)); err != nil {
		return answer{}, err
	}
	return c.next(r.method), nil
}

// bigChunked sends 64 MiB of spaces of no announced length, as long as the server
// reads and has not answered.
func bigChunked(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	if _, err := c.Write(t.head(r.method, r.path, "HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")); err != nil {
		return answer{}, err
	}
	answered := make(chan answer, 1)
	go func() { answered <- c.next(r.method) }()
	chunk := append(append([]byte("100000\r\n"), bytes.Repeat([]byte(" "), 1<<20)...), "\r\n"...)
	end := []byte("0\r\n\r\n")
	for _, part := range append(slices.Repeat([][]byte{chunk}, 64), end) {
		select {
		case a := <-answered:
			return a, nil
		default:
		}
		if _, err := c.Write(part); err != nil {
			break // the server has closed: what it said before is read
		}
	}
	return <-answered, nil
}

// manyRows sends 200,000 rows, or as many as 8 MiB hold.
func manyRows(ctx context.Context, t *target, c *checks.Check, r *request) (answer, error) {
	if !t.batched {
		return answer{}, inapplicable("the model has no batch dimension")
	}
	r.rows = min(200_000, 8<<20/len(r.body)+1)
	root, err := t.valid(r.rows)
	if err != nil {
		return answer{}, err
	}
	r.sent, r.body = root, root.bytes()
	return t.send(ctx, r.method, r.path, r.header, r.body), nil
}

// numbered is the valid request of its own number of rows and its own id.
func (t *target) numbered(i int) (*node, int, string, error) {
	rows := i + 1
	if !t.batched {
		rows = 1
	}
	root, err := t.valid(rows)
	if err != nil {
		return nil, 0, "", err
	}
	id := "request-" + strconv.Itoa(i)
	root.set("id", str(id))
	return root, rows, id, nil
}

// many is how many requests are under way at once: enough to mix them up, and no
// flood.
const many = 8

// atOnce runs so many at the same time and returns the last answer, or the first
// error.
func atOnce(one func(i int) (answer, error)) (answer, error) {
	answers, errs := make([]answer, many), make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() { answers[i], errs[i] = one(i) })
	}
	wg.Wait()
	return answers[0], errors.Join(errs...)
}

// own wants an answer to be the one to request i.
func own(t *target, c *checks.Check, a answer, rows int, id string) error {
	j := &judge{t: t, check: c, rows: rows, a: a}
	if a.err != nil || !a.ok() {
		return fmt.Errorf("%s: %s", id, a.String())
	}
	for _, rule := range []func() error{j.response, j.rowCounts, func() error { return j.id(quote(id)) }} {
		if err := rule(); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func concurrent(ctx context.Context, t *target, c *checks.Check, r *request) (answer, error) {
	return atOnce(func(i int) (answer, error) {
		root, rows, id, err := t.numbered(i)
		if err != nil {
			return answer{}, err
		}
		a := t.send(ctx, r.method, r.path, r.header, root.bytes())
		return a, own(t, c, a, rows, id)
	})
}

// concurrentMixed breaks every second request.
func concurrentMixed(ctx context.Context, t *target, c *checks.Check, r *request) (answer, error) {
	return atOnce(func(i int) (answer, error) {
		root, rows, id, err := t.numbered(i)
		if err != nil {
			return answer{}, err
		}
		body := root.bytes()
		if i%2 == 0 {
			a := t.send(ctx, r.method, r.path, r.header, body)
			return a, own(t, c, a, rows, id)
		}
		a := t.send(ctx, r.method, r.path, r.header, body[:len(body)/2])
		j := &judge{t: t, check: c, a: a}
		if a.err != nil || a.status/100 != 4 {
			return a, fmt.Errorf("a broken request among others: %s", a.String())
		}
		return a, j.errorObject()
	})
}

// http10 speaks the old version, which ends with the connection.
func http10(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.address())
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	head := t.head(r.method, r.path, "HTTP/1.0", "Content-Type: application/json", "Content-Length: "+strconv.Itoa(len(r.body)))
	if _, err := c.Write(append(head, r.body...)); err != nil {
		return answer{}, err
	}
	return c.next(r.method), nil
}

// samePort asks for REST where gRPC is answered.
func samePort(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	c, err := t.dial(ctx, t.grpcAddr)
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	if _, err := c.Write(t.head(r.method, r.path, "HTTP/1.1", "Connection: close")); err != nil {
		return answer{}, err
	}
	return c.next(r.method), nil
}
