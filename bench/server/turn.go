package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"online-inference/bench/server/record"
	"online-inference/function/oip/grpc/oippb"
)

// tolerated is how far an answer may lie from ONNX Runtime's.
const tolerated = 1e-5

// turn measures one server once: start, answers, loads, end. The last round also
// sends it a body that is too large.
func (b *bench) turn(ctx context.Context, c *contender, last bool) (err error) {
	s, err := c.start(ctx, b)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, s.lastLines())
		}
		err = errors.Join(err, s.stop())
	}()
	time.Sleep(200 * time.Millisecond) // what follows readiness is part of an idle process
	idle, err := memory(s.pid)
	if err != nil {
		return err
	}
	c.idle = atLeast(c.idle, idle)
	if err := b.oneRow(ctx, c, s); err != nil {
		return err
	}
	if err := b.batches(ctx, c, s); err != nil {
		return err
	}
	if c.forms {
		if err := b.forms(ctx, c, s); err != nil {
			return err
		}
	}
	loaded, err := memory(s.pid)
	if err != nil {
		return err
	}
	c.load = atLeast(c.load, loaded)
	if last {
		return b.tooLarge(ctx, c, s)
	}
	return nil
}

// path and body are what the contender takes.
func (c *contender) path() string {
	if c.simple {
		return simplePath
	}
	return inferPath
}

func (b *bench) encode(c *contender) func([][]string) []byte {
	if c.simple {
		return b.bodies.simple
	}
	return b.bodies.tensors
}

// ones is the form of a row a request.
func (b *bench) ones(path string, of func([][]string) []byte, answer func([]byte, int) ([]float64, error)) *form {
	var all [][]byte
	for i := range b.bodies.rows {
		all = append(all, of(b.bodies.rows[i:i+1]))
	}
	return newForm(path, all, 0, answer)
}

func (c *contender) answer() func([]byte, int) ([]float64, error) {
	if c.simple {
		return simpleAnswer
	}
	return tensorsAnswer
}

// check asks every request of a form and holds each answer against ONNX Runtime's;
// row is the row at a position of a request. It warms the server up, too.
func (b *bench) check(ctx context.Context, c *contender, s *running, f *form, rows int, row func(k, i int) int) error {
	conn, err := dial(ctx, s.address)
	if err != nil {
		return err
	}
	defer conn.close()
	for k, request := range f.requests {
		body, head, err := conn.ask(request)
		if err != nil {
			return err
		}
		if c.id == record.Floor {
			continue
		}
		got, err := f.answer(body, head)
		if err != nil {
			return err
		}
		if err := b.compare(c, got, rows, func(i int) int { return row(k, i) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) compare(c *contender, got []float64, rows int, row func(i int) int) error {
	if len(got) != rows {
		return fmt.Errorf("%d answers for %d rows", len(got), rows)
	}
	for i, v := range got {
		d := math.Abs(v - b.expected[row(i)])
		if !(d <= tolerated) {
			return fmt.Errorf("row %d: the answer %v is off by %v", row(i), v, d)
		}
		c.deviation = max(c.deviation, d)
	}
	return nil
}

// measure measures a load with the server's CPU time.
func (c *contender) measure(load string, s *running, run func() (*sample, error)) error {
	before, err := cpu(s.pid)
	if err != nil {
		return err
	}
	x, err := run()
	if err != nil {
		return fmt.Errorf("%s: %w", load, err)
	}
	after, err := cpu(s.pid)
	if err != nil {
		return err
	}
	x.cpu = (after - before) / float64(x.requests)
	c.samples[load] = append(c.samples[load], *x)
	return nil
}

// oneRow puts the server under all loads of a row a request.
func (b *bench) oneRow(ctx context.Context, c *contender, s *running) error {
	f := b.ones(c.path(), b.encode(c), c.answer())
	if err := b.check(ctx, c, s, f, 1, func(k, _ int) int { return k }); err != nil {
		return err
	}
	for _, l := range []struct {
		load        string
		connections int
	}{{record.One, 1}, {record.Eight, 8}, {record.SixtyFour, 64}} {
		if err := c.measure(l.load, s, func() (*sample, error) { return b.wrk(ctx, c, s, l.connections) }); err != nil {
			return err
		}
	}
	return c.measure(record.Open, s, func() (*sample, error) { return open(ctx, s.address, f, b.slice) })
}

// wrk lets wrk ask as fast as the answers come.
func (b *bench) wrk(ctx context.Context, c *contender, s *running, connections int) (*sample, error) {
	file := tensorsFile
	if c.simple {
		file = simpleFile
	}
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(int(b.slice.Seconds())), "--timeout", "30s",
		"-s", filepath.Join(peers, "cycle.lua"), "http://"+s.address, "--", filepath.Join(b.dir, file), c.path())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	_, line, found := strings.Cut(string(out), "RESULT ")
	var result struct {
		Requests, US, Failed int
		P50, P99             float64
	}
	if err := json.NewDecoder(strings.NewReader(line)).Decode(&result); !found || err != nil {
		return nil, fmt.Errorf("wrk gave no result: %w\n%s", err, out)
	}
	if result.Failed > 0 || result.Requests == 0 {
		return nil, fmt.Errorf("%d of %d requests failed", result.Failed, result.Requests)
	}
	seconds := float64(result.US) / 1e6
	return &sample{requests: result.Requests, seconds: seconds, rate: float64(result.Requests) / seconds, p50: result.P50, p99: result.P99}, nil
}

// batches asks for a thousand rows at a time.
func (b *bench) batches(ctx context.Context, c *contender, s *running) error {
	var all [][]byte
	for k := range batchBodies {
		all = append(all, b.encode(c)(b.bodies.batch(k, batchRows)))
	}
	f := newForm(c.path(), all, 0, c.answer())
	if err := b.check(ctx, c, s, f, batchRows, b.bodies.index); err != nil {
		return err
	}
	return c.inTurns(ctx, record.Batch, s, f, b.slice)
}

// inTurns asks the requests of a form one after another.
func (c *contender) inTurns(ctx context.Context, load string, s *running, f *form, length time.Duration) error {
	conn, err := dial(ctx, s.address)
	if err != nil {
		return err
	}
	defer conn.close()
	return c.measure(load, s, func() (*sample, error) {
		return series(length, func(i int) error {
			_, _, err := conn.ask(f.requests[i%len(f.requests)])
			return errors.Join(err, ctx.Err())
		})
	})
}

// forms asks for one row in every form that the server takes.
func (b *bench) forms(ctx context.Context, c *contender, s *running) error {
	var bodies [][]byte
	head := 0
	for i := range b.bodies.rows {
		body, h, err := b.bodies.binary(b.bodies.rows[i : i+1])
		if err != nil {
			return err
		}
		if head > 0 && h != head {
			return fmt.Errorf("JSON texts of %d and %d bytes before binary tensors, expected the same for all rows", h, head)
		}
		bodies, head = append(bodies, body), h
	}
	for _, x := range []struct {
		load string
		form *form
	}{
		{record.FormSimple, b.ones(simplePath, b.bodies.simple, simpleAnswer)},
		{record.FormJSON, b.ones(inferPath, b.bodies.tensors, tensorsAnswer)},
		{record.FormBinary, newForm(inferPath, bodies, head, tensorsAnswer)},
	} {
		if err := b.check(ctx, c, s, x.form, 1, func(k, _ int) int { return k }); err != nil {
			return fmt.Errorf("%s: %w", x.load, err)
		}
		if err := c.inTurns(ctx, x.load, s, x.form, b.slice); err != nil {
			return err
		}
	}
	return b.grpc(ctx, c, s)
}

// grpc asks over HTTP/2 with grpc-go's client.
func (b *bench) grpc(ctx context.Context, c *contender, s *running) (err error) {
	conn, err := grpc.NewClient("passthrough:///"+s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	requests := make([]*oippb.ModelInferRequest, len(b.bodies.rows))
	for i := range requests {
		if requests[i], err = b.bodies.message(b.bodies.rows[i : i+1]); err != nil {
			return err
		}
	}
	ask := func(i int, into *oippb.ModelInferResponse) error {
		return conn.Invoke(ctx, "/inference.GRPCInferenceService/ModelInfer", requests[i%len(requests)], into)
	}
	for k := range requests {
		var res oippb.ModelInferResponse
		if err := ask(k, &res); err != nil {
			return err
		}
		var got []float64
		for i, o := range res.GetOutputs() {
			if o.GetName() == "probabilities" && i < len(res.GetRawOutputContents()) {
				got = seconds(rawFloats(res.GetRawOutputContents()[i]))
			}
		}
		if err := b.compare(c, got, 1, func(int) int { return k }); err != nil {
			return err
		}
	}
	return c.measure(record.FormGRPC, s, func() (*sample, error) {
		return series(b.slice, func(i int) error { return ask(i, new(oippb.ModelInferResponse)) })
	})
}

// tooLarge sends a body of 50 MB.
func (b *bench) tooLarge(ctx context.Context, c *contender, s *running) error {
	body := b.bodies.large(b.encode(c))
	status, took, err := sendLarge(ctx, "http://"+s.address+c.path(), body)
	if err != nil {
		return err
	}
	m, err := memory(s.pid)
	if err != nil {
		return fmt.Errorf("gone after a body of %d bytes: %w", len(body), err)
	}
	c.largeBody = &record.Large{Bytes: len(body), Status: status, MS: us(took) / 1e3, Peak: m.Peak}
	return nil
}
