package conform

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"online-inference/function/oip/grpc/oippb"
)

// A reply is what a server said, on its way to the checks.
type reply struct {
	request     *http.Request
	requestBody []byte
	status      int
	header      http.Header
	body        []byte
	trailer     http.Header
}

// grpc tells whether it is a call's.
func (r *reply) grpc() bool {
	return strings.HasPrefix(r.request.Header.Get("Content-Type"), "application/grpc")
}

// infer tells whether it answers an inference over HTTP, and how.
func (r *reply) infer() bool {
	return strings.HasSuffix(r.request.URL.Path, "/infer") && r.status == 200
}

// replace changes text in the body.
func (r *reply) replace(from, to string) { r.body = bytes.ReplaceAll(r.body, []byte(from), []byte(to)) }

// message changes the message of a ModelInfer call.
func (r *reply) message(change func(*oippb.ModelInferResponse)) {
	if !strings.HasSuffix(r.request.URL.Path, "/ModelInfer") || len(r.body) < 5 {
		return
	}
	var m oippb.ModelInferResponse
	if proto.Unmarshal(r.body[5:], &m) != nil {
		return
	}
	change(&m)
	r.frame(&m)
}

// frame makes a message the body.
func (r *reply) frame(m proto.Message) {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // messages of this test's own making
	}
	r.body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

// A deviant is a server that changes what the real one says, once it is on: the
// probing before meets the real one.
type deviant struct {
	url string
	on  atomic.Bool
	// blind answers by itself and asks nobody.
	blind bool
}

// deviate starts a deviant server before a real one.
func deviate(t *testing.T, backend string, blind bool, change func(*reply)) *deviant {
	t.Helper()
	to, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	one, two := &http.Transport{DisableCompression: true}, &http.Transport{Protocols: new(http.Protocols)}
	two.Protocols.SetUnencryptedHTTP2(true)
	d := &deviant{blind: blind}
	stream := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: two, FlushInterval: -1}
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := &reply{request: req, status: http.StatusInternalServerError, header: http.Header{}}
		on := d.on.Load()
		switch transport := one; {
		case on && d.blind:
		case strings.Contains(req.URL.Path, "Reflection"), strings.HasSuffix(req.URL.Path, "/Watch"):
			stream.ServeHTTP(w, req)
			return
		default:
			if req.ProtoMajor == 2 {
				transport = two
			}
			if err := r.forward(transport, to); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
		}
		if on {
			change(r)
		}
		r.write(w)
	}))
	ts.Config.Protocols = new(http.Protocols)
	ts.Config.Protocols.SetHTTP1(true)
	ts.Config.Protocols.SetUnencryptedHTTP2(true)
	ts.Start()
	t.Cleanup(func() { ts.Close(); one.CloseIdleConnections(); two.CloseIdleConnections() })
	d.url = ts.URL
	return d
}

// forward asks the real server.
func (r *reply) forward(transport *http.Transport, to *url.URL) error {
	body, err := io.ReadAll(io.LimitReader(r.request.Body, 4<<20))
	if err != nil {
		r.status = http.StatusBadRequest // a body that ends early: there is nothing to ask
		return nil
	}
	r.requestBody = body
	out := r.request.Clone(r.request.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = to.Scheme, to.Host, ""
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	res, err := transport.RoundTrip(out)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	r.body, err = io.ReadAll(res.Body)
	r.status, r.header, r.trailer = res.StatusCode, res.Header, res.Trailer
	return err
}

func (r *reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	w.Header().Del("Content-Length")
	w.WriteHeader(r.status)
	_, err := w.Write(r.body)
	for name, values := range r.trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
	if err != nil && r.request.Method != http.MethodHead {
		panic(http.ErrAbortHandler)
	}
}
