package grpc

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"online-inference/function/oip"
	"online-inference/function/oip/grpc/oippb"
)

// echoes answers every request with its number of elements, and does what the
// model's name says.
type echoes struct{}

func (echoes) Ready(name, _ string) error {
	if name == "broken" {
		return errors.New("secret")
	}
	return nil
}

func (echoes) Describe(string, string) (*Metadata, error) { return &Metadata{Name: "m"}, nil }

func (echoes) Infer(c *Call, q *Request, res *Response) error {
	switch q.Model {
	case "panic":
		panic("secret")
	case "broken":
		return errors.New("secret")
	case "slow":
		<-c.Context.Done()
		return &Status{DeadlineExceeded, "the call's deadline has passed"}
	}
	var r oip.Request
	if err := q.Fill(&r); err != nil {
		return err
	}
	res.Begin(q, q.Model, "1")
	res.Output("n", oip.INT64, []int{1}, Values{I64: []int64{int64(len(r.Inputs[0].Raw))}})
	res.End([]Parameter{{"a", "b"}})
	return nil
}

// bank lends so many bytes.
type bank struct{ left int64 }

func (b *bank) Take(n int64) bool {
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

func (b *bank) Give(n int64) { b.left += n }

// A peer is a client that says what it wants, however wrong.
type peer struct {
	t      *testing.T
	url    string
	client *http.Client
	panics int
	memory bank
}

func serve(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, memory: bank{1 << 20}}
	h := New(Options{
		Backend: echoes{}, Memory: &p.memory, Server: Server{Name: "s"}, MaxBytes: 100 << 10, RequestTimeout: 10 * time.Second,
		Expired: func() bool { return false }, Panicked: func(*Call, any, []byte) { p.panics++ },
	})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Speaks(r) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		h.Serve(w, r, func(*Call) {}, func(*Call) {})
	})}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-done); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	p.url, p.client = "http://"+ln.Addr().String(), &http.Client{Transport: &http.Transport{Protocols: protocols}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// An end is what a call came to.
type end struct {
	status          int
	header, trailer http.Header
	message         []byte
}

func (e *end) code() string { return e.trailer.Get("Grpc-Status") }
func (e *end) text() string { return e.trailer.Get("Grpc-Message") }

// call sends bytes as the body of a call.
func (p *peer) call(method string, header map[string]string, body []byte) *end {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+method, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	message, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	return &end{res.StatusCode, res.Header, res.Trailer, message}
}

func framed(flag byte, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(message))), message...)
}

func zip(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func inferMessage(t *testing.T, model string, n int) []byte {
	t.Helper()
	b, err := proto.Marshal(&oippb.ModelInferRequest{ModelName: model, Inputs: []*oippb.ModelInferRequest_InferInputTensor{{
		Name: "x", Datatype: "UINT8", Shape: []int64{int64(n)}}}, RawInputContents: [][]byte{make([]byte, n)}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCalls are calls by the byte: each has the status that its line says.
func TestCalls(t *testing.T) {
	p := serve(t)
	infer, good := inference+"ModelInfer", inferMessage(t, "m", 10)
	bomb := zip(t, make([]byte, 1<<20))
	zipped := map[string]string{"Grpc-Encoding": "gzip"}
	for _, c := range []struct {
		name, method  string
		header        map[string]string
		body          []byte
		code, message string
	}{
		{"good", infer, nil, framed(0, good), "0", ""},
		{"gzip", infer, zipped, framed(1, zip(t, good)), "0", ""},
		{"gzip announced, not used", infer, zipped, framed(0, good), "0", ""},
		{"identity", infer, map[string]string{"Grpc-Encoding": "identity"}, framed(0, good), "0", ""},
		{"proto named", infer, map[string]string{"Content-Type": "application/grpc+proto"}, framed(0, good), "0", ""},
		{"a deadline", infer, map[string]string{"Grpc-Timeout": "10S"}, framed(0, good), "0", ""},
		{"a long deadline", infer, map[string]string{"Grpc-Timeout": "99999999H"}, framed(0, good), "0", ""},
		{"live", inference + "ServerLive", nil, framed(0, nil), "0", ""},
		{"unknown fields", inference + "ServerLive", nil, framed(0, []byte("\x0a\x01x\x10\x05")), "0", ""},

		{"nothing", infer, nil, nil, "3", "the call ended before its message did"},
		{"half a prefix", infer, nil, []byte{0, 0}, "3", "the call ended before its message did"},
		{"half a message", infer, nil, framed(0, good)[:20], "3", "the call ended before its message did"},
		{"two messages", infer, nil, append(framed(0, good), framed(0, good)...), "3", "expected one message, got another one behind it"},
		{"an odd prefix", infer, nil, framed(7, good), "3", "a message begins with 7, expected 0, or 1 for a compressed one"},
		{"compressed without saying how", infer, nil, framed(1, zip(t, good)), "3", "a message is compressed, but grpc-encoding does not say how"},
		{"not gzip", infer, zipped, framed(1, good), "3", "the message is not gzip: gzip: invalid header"},
		{"gzip cut short", infer, zipped, framed(1, zip(t, good)[:20]), "3", "the message is not gzip: unexpected EOF"},
		{"another encoding", infer, map[string]string{"Grpc-Encoding": "snappy"}, framed(0, good), "12", `grpc-encoding "snappy" is not supported: expected gzip or identity`},
		{"a bomb", infer, zipped, framed(1, bomb), "8", "the decompressed message is too large: expected at most 102400 bytes"},
		{"large", infer, nil, framed(0, inferMessage(t, "m", 200<<10)), "8", "the message is too large: expected at most 102400 bytes"},
		{"no message of protocol buffers", infer, nil, framed(0, []byte{0xff}), "3", "the message cannot be read: it ends in the middle of a field"},
		{"another wire type", infer, nil, framed(0, []byte{0x08, 1}), "3", "the message cannot be read: field 1 has the wire type 0, expected 2"},
		{"field 0", infer, nil, framed(0, []byte{0x00, 1}), "3", "the message cannot be read: 0 is no number of a field"},
		{"wire type 7", infer, nil, framed(0, []byte{0x0f}), "3", "the message cannot be read: field 1 has the unknown wire type 7"},
		{"a group without end", infer, nil, framed(0, []byte{0x7b}), "3", "the message cannot be read: it ends in the middle of a field"},
		{"groups too deep", infer, nil, framed(0, bytes.Repeat([]byte{0x7b}, 100)), "3", "the message cannot be read: groups are nested too deep"},
		{"a name that is no UTF-8", infer, nil, framed(0, []byte{0x0a, 1, 0xff}), "3", "the message cannot be read: field 1 is not UTF-8"},
		{"a bad deadline", infer, map[string]string{"Grpc-Timeout": "soon"}, framed(0, good), "3", `grpc-timeout "soon": expected 1 to 8 digits and one of H, M, S, m, u, n`},
		{"a deadline that has passed", infer, map[string]string{"Grpc-Timeout": "1n"}, framed(0, good), "4", "the call's deadline has passed"},
		{"a slow model", infer, map[string]string{"Grpc-Timeout": "50m"}, framed(0, inferMessage(t, "slow", 1)), "4", "the call's deadline has passed"},
		{"a panic", infer, nil, framed(0, inferMessage(t, "panic", 1)), "13", "internal error"},
		{"an error of ours", infer, nil, framed(0, inferMessage(t, "broken", 1)), "13", "internal error"},
		{"an error of ours, ready", inference + "ModelReady", nil, framed(0, []byte("\x0a\x06broken")), "13", "internal error"},
		{"unknown method", inference + "Nope", nil, framed(0, nil), "12", `no such method: "/inference.GRPCInferenceService/Nope"`},
		{"unknown service", "/a.B/C", nil, framed(0, nil), "12", `no such method: "/a.B/C"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := p.call(c.method, c.header, c.body)
			if res.status != http.StatusOK || res.header.Get("Content-Type") != "application/grpc" || res.header.Get("Grpc-Accept-Encoding") != "gzip" {
				t.Errorf("status %d, %v", res.status, res.header)
			}
			if res.code() != c.code || res.text() != c.message {
				t.Errorf("got      %s %s\nexpected %s %s", res.code(), res.text(), c.code, c.message)
			}
			if (c.code == "0") != (len(res.message) >= prefixLen) {
				t.Errorf("answer %x", res.message)
			}
		})
	}
	if p.panics != 1 {
		t.Errorf("%d panics were told", p.panics)
	}
	if p.memory.left != 1<<20 {
		t.Errorf("%d bytes of memory were not given back", 1<<20-p.memory.left)
	}
	for _, contentType := range []string{"application/json", "application/grpc-web", "application/grpc+json", ""} {
		if res := p.call(infer, map[string]string{"Content-Type": contentType}, nil); res.status != http.StatusTeapot {
			t.Errorf("%q is taken for gRPC", contentType)
		}
	}
}

// TestMemory: a large message waits for no memory: it is refused.
func TestMemory(t *testing.T) {
	p := serve(t)
	p.memory.left = 70 << 10
	res := p.call(inference+"ModelInfer", nil, framed(0, inferMessage(t, "m", 90<<10)))
	if res.code() != "8" || res.text() != "too many large requests at the same time: send this one again later" {
		t.Errorf("got %s %s", res.code(), res.text())
	}
	res = p.call(inference+"ModelInfer", nil, framed(0, inferMessage(t, "m", 20<<10)))
	if res.code() != "0" || p.memory.left != 70<<10 {
		t.Errorf("a small one: %v, %d bytes left", res.trailer, p.memory.left)
	}
}

// TestResponse: every type of output, typed and raw, as the library reads it.
func TestResponse(t *testing.T) {
	for _, isRaw := range []bool{false, true} {
		res := Response{}
		res.Begin(&Request{ID: "é", Raw: isRaw}, "m", "2")
		long := make([]int64, 300)
		for i := range long {
			long[i] = int64(i) * -1e15
		}
		values := []struct {
			d oip.Datatype
			v Values
			n int
		}{
			{oip.FP32, Values{F32: []float32{1, -0.5}}, 2}, {oip.FP64, Values{F64: []float64{1e300}}, 1}, {oip.INT64, Values{I64: long}, 300},
			{oip.INT32, Values{I32: []int32{-1, 7}}, 2}, {oip.UINT8, Values{U8: []uint8{255, 0}}, 2}, {oip.BOOL, Values{Bool: []bool{true, false}}, 2},
			{oip.BYTES, Values{Str: []string{"a", "", strings.Repeat("b", 200)}}, 3}, {oip.FP32, Values{}, 0},
		}
		for _, v := range values {
			res.Output("o", v.d, []int{v.n, 1}, v.v)
		}
		res.End([]Parameter{{"p", "q"}, {"r", strings.Repeat("s", 20_000)}})
		var got oippb.ModelInferResponse
		if err := proto.Unmarshal(res.dst, &got); err != nil {
			t.Fatal(err)
		}
		if got.Id != "é" || got.ModelName != "m" || got.ModelVersion != "2" || len(got.Outputs) != len(values) || len(got.Parameters["r"].GetStringParam()) != 20_000 {
			t.Fatalf("got %v", &got)
		}
		for i, o := range got.Outputs {
			like := &oippb.ModelInferRequest{Inputs: []*oippb.ModelInferRequest_InferInputTensor{{Datatype: o.Datatype, Contents: o.Contents}}}
			if isRaw {
				like.RawInputContents = [][]byte{got.RawOutputContents[i]}
			}
			if want := values[i].v.appendRaw([]byte{}); !bytes.Equal(elementsOf(like, 0), want) || o.Datatype != values[i].d.String() || o.Shape[0] != int64(values[i].n) {
				t.Errorf("output %d: %v", i, o)
			}
		}
	}
}
