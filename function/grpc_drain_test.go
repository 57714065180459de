package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"online-inference/function/oip/grpc/oippb"
)

// TestGRPCDrainUnderLoad: eight clients call without a pause, four calls at a time
// each, while SIGTERM comes: within DRAIN_DELAY none fails, and afterwards every
// call that the server took is answered.
func TestGRPCDrainUnderLoad(t *testing.T) {
	const delay, margin = 1500 * time.Millisecond, 500 * time.Millisecond
	p := start(t, "DRAIN_DELAY="+delay.String(), "DRAIN_TIMEOUT=5s")
	req := patients(t)
	var answered atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		conn := callService(t, p, noRetry)
		for range 4 {
			wg.Go(func() {
				for !stop.Load() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					err := conn.Invoke(ctx, callInfer, req, &oippb.ModelInferResponse{})
					cancel()
					if err != nil {
						t.Errorf("within DRAIN_DELAY: %v", err)
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	p.await("traffic", func() bool { return answered.Load() > 100 })
	p.signal(syscall.SIGTERM)
	began := time.Now()
	conn := callService(t, p)
	p.await("not ready", func() bool {
		return !invoke(t, conn, protocol+"ServerReady", &oippb.ServerReadyRequest{}, &oippb.ServerReadyResponse{}).Ready
	})
	if invoke(t, conn, callModelReady, &oippb.ModelReadyRequest{Name: "heart-disease"}, &oippb.ModelReadyResponse{}).Ready {
		t.Error("the model of a draining server is ready")
	}
	time.Sleep(time.Until(began.Add(delay - margin)))
	stop.Store(true)
	wg.Wait()
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	t.Logf("%d calls answered", answered.Load())
}

// A slowCall is a call whose message is sent piece by piece.
type slowCall struct {
	t    *testing.T
	body *io.PipeWriter
	done chan outcome
}

type outcome struct {
	status        int
	code, message string
	response      []byte
	err           error
}

// callSlowly begins a call of gRPC over a connection of its own.
func callSlowly(t *testing.T, p *process) *slowCall {
	t.Helper()
	return postSlowly(t, p, callInfer, "application/grpc")
}

// postSlowly begins a request by HTTP/2 over a connection of its own.
func postSlowly(t *testing.T, p *process, path, contentType string) *slowCall {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	read, write := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, read)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Te", "trailers")
	c := &slowCall{t, write, make(chan outcome, 1)}
	go func() {
		res, err := client.Do(req)
		if err != nil {
			c.done <- outcome{err: err}
			return
		}
		b, err := io.ReadAll(res.Body)
		err = errors.Join(err, res.Body.Close())
		c.done <- outcome{res.StatusCode, res.Trailer.Get("Grpc-Status"), res.Trailer.Get("Grpc-Message"), b, err}
	}()
	return c
}

// frame writes a message behind its prefix.
func frame(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

func (c *slowCall) send(b []byte) {
	c.t.Helper()
	if _, err := c.body.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// TestGRPCDrainSlowCall: a call that goes on arriving during a drain is answered.
func TestGRPCDrainSlowCall(t *testing.T) {
	p := start(t, "DRAIN_TIMEOUT=10s")
	c, message := callSlowly(t, p), frame(t, patients(t))
	c.send(message[:20])
	p.await("the call at work", func() bool { return strings.Contains(p.get("/metrics").body, "oi_http_requests_in_flight 1\n") })
	p.signal(syscall.SIGTERM)
	p.await("line draining", func() bool { return len(p.out.with("draining")) > 0 })
	for _, b := range message[20:] {
		c.send([]byte{b})
		time.Sleep(500 * time.Microsecond)
	}
	if err := c.body.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-c.done
	if got.err != nil || got.code != "0" || len(got.response) < 50 {
		t.Errorf("got %+v", got)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestGRPCDrainStalledCall: a call that stalls is told UNAVAILABLE when the drain
// budget is spent, and does not hold the exit.
func TestGRPCDrainStalledCall(t *testing.T) {
	const timeout = 1200 * time.Millisecond
	p := start(t, "DRAIN_TIMEOUT="+timeout.String())
	c := callSlowly(t, p)
	c.send(frame(t, patients(t))[:20])
	p.await("the call at work", func() bool { return strings.Contains(p.get("/metrics").body, "oi_http_requests_in_flight 1\n") })
	began := time.Now()
	p.signal(syscall.SIGTERM)
	got := <-c.done
	if want := strconv.Itoa(int(codes.Unavailable)); got.err != nil || got.code != want || got.message != "the server is shutting down" {
		t.Errorf("got %+v", got)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > timeout+time.Second {
		t.Errorf("it ended after %v, DRAIN_TIMEOUT is %v", took, timeout)
	}
}

// TestH2CDrainHalfSentUpload: an upload by HTTP/2 that stalls gets its 503, like one
// by HTTP/1.1, although its connection has to live on for it.
func TestH2CDrainHalfSentUpload(t *testing.T) {
	p := start(t, "DRAIN_TIMEOUT=1200ms")
	c := postSlowly(t, p, "/predict", "application/json")
	c.send([]byte(listsBody[:50]))
	p.await("the call at work", func() bool { return strings.Contains(p.get("/metrics").body, "oi_http_requests_in_flight 1\n") })
	p.signal(syscall.SIGTERM)
	if got := <-c.done; got.err != nil || got.status != 503 || string(got.response) != `{"error":"the server is shutting down"}`+"\n" {
		t.Errorf("got %+v %s, %v", got, got.response, got.err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestGRPCLimits: what is too large is refused before it is read, what does not
// arrive in time is told so, and the deadline of a call is kept.
func TestGRPCLimits(t *testing.T) {
	p := start(t, "MAX_BODY_BYTES=5000", "REQUEST_TIMEOUT=300ms")
	conn := callService(t, p)
	big := patients(t)
	big.Id = string(make([]byte, 5000))
	refused(t, conn, callInfer, big, codes.ResourceExhausted, "the message is too large: expected at most 5000 bytes")

	announced := callSlowly(t, p)
	announced.send([]byte{0, 0xff, 0xff, 0xff, 0xff})
	if got := <-announced.done; got.code != strconv.Itoa(int(codes.ResourceExhausted)) {
		t.Errorf("4 GB announced: %+v", got)
	}
	late := callSlowly(t, p)
	late.send(frame(t, patients(t))[:20])
	if got := <-late.done; got.code != strconv.Itoa(int(codes.DeadlineExceeded)) || got.message != "the request did not arrive within 300ms" {
		t.Errorf("a stalled call: %+v", got)
	}
	invoke(t, conn, callInfer, patients(t), &oippb.ModelInferResponse{})
}

// TestGRPCConcurrent: many calls at a time on one connection, of different sizes,
// each gets its own answer.
func TestGRPCConcurrent(t *testing.T) {
	p := start(t)
	conn := callService(t, p)
	rows := readGolden(t, "1")
	var wg sync.WaitGroup
	for k := range 24 {
		wg.Go(func() {
			n := 1 + k*12
			req := inferRequest(t, rows[:n])
			req.Id = fmt.Sprint("call ", k)
			if k%2 == 1 {
				req = asRaw(req)
			}
			for range 10 {
				res := &oippb.ModelInferResponse{}
				if err := conn.Invoke(t.Context(), callInfer, req, res); err != nil {
					t.Error(err)
					return
				}
				labels, _ := answersOf(t, res)
				if res.Id != req.Id || len(labels) != n {
					t.Errorf("call %d got the answer of %q with %d rows", k, res.Id, len(labels))
				}
				for i, label := range labels {
					if label != rows[i].Label {
						t.Errorf("call %d, row %d: %d, expected %d", k, i, label, rows[i].Label)
					}
				}
			}
		})
	}
	wg.Wait()
}
