package grpc

import (
	"compress/gzip"
	"context"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Backend knows the models. Its errors are Statuses; any other is answered
// INTERNAL without its text.
type Backend interface {
	// Ready tells whether a model can be asked now: nil, or a Status of the code
	// Unavailable, or NotFound for a model that will not come. An empty name or
	// version stands for the server's own choice.
	Ready(name, version string) error
	// Describe tells what a model is.
	Describe(name, version string) (*Metadata, error)
	// Infer answers a request. The request holds until Infer returns.
	Infer(c *Call, req *Request, res *Response) error
}

// A Memory bounds what all requests together hold.
type Memory interface {
	Take(n int64) bool
	Give(n int64)
}

// Options are what a Handler needs to know.
type Options struct {
	Backend        Backend
	Memory         Memory
	Server         Server
	MaxBytes       int64         // of a message, both as sent and decompressed
	RequestTimeout time.Duration // to receive a request, for messages: the HTTP server keeps it

	Expired  func() bool // tells whether the time for a drain is spent
	Panicked func(c *Call, p any, stack []byte)
}

// A Handler serves gRPC. Make one with New.
type Handler struct {
	opt    Options
	ending chan struct{} // closed by Shutdown
	once   sync.Once

	calls   sync.Pool // *Call
	unzips  sync.Pool // *gzip.Reader
	schemas *schemas
}

// New makes a Handler.
func New(opt Options) *Handler {
	h := &Handler{opt: opt, ending: make(chan struct{}), schemas: newSchemas()}
	h.calls.New = func() any { return new(Call) }
	h.unzips.New = func() any { return new(gzip.Reader) }
	return h
}

// Shutdown ends the calls that would go on for good: those that watch the health,
// which have been told, and reflection. It is for http.Server.RegisterOnShutdown.
func (h *Handler) Shutdown() { h.once.Do(func() { close(h.ending) }) }

// A Call is one call. What is exported is for whoever counts and logs it.
type Call struct {
	Code     Code
	Message  string // of an error
	BytesIn  int64
	BytesOut int64
	Err      error // the cause of INTERNAL
	Context  context.Context
	Tag      any // the caller's own

	w        http.ResponseWriter
	r        *http.Request
	body     []byte // the message, behind its prefix
	plain    []byte // the message decompressed
	held     int64  // bytes taken of Memory
	out      []byte // the answer, behind its prefix
	request  Request
	response Response
}

// Header is where the headers of the answer go until it begins.
func (c *Call) Header() http.Header { return c.w.Header() }

// HTTP is the request of HTTP that carries the call.
func (c *Call) HTTP() *http.Request { return c.r }

// Speaks tells whether a request is a call of gRPC.
func Speaks(r *http.Request) bool {
	if r.ProtoMajor != 2 || r.Method != http.MethodPost {
		return false
	}
	base, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	base = strings.TrimSpace(base)
	return base == contentType || base == contentType+"+proto"
}

const contentType = "application/grpc"

// A method serves a call; quiet ones are for machines that ask all the time.
type method struct {
	serve func(*Handler, *Call) error
	quiet bool
}

const (
	inference    = "/inference.GRPCInferenceService/"
	health       = "/grpc.health.v1.Health/"
	reflection   = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	reflectAlpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// find returns the method of a path; serve is nil for one that there is none of.
func find(path string) method {
	switch path {
	case inference + "ModelInfer":
		return method{serve: (*Handler).modelInfer}
	case inference + "ModelMetadata":
		return method{serve: (*Handler).modelMetadata}
	case inference + "ModelReady":
		return method{serve: (*Handler).modelReady}
	case inference + "ServerMetadata":
		return method{serve: (*Handler).serverMetadata}
	case inference + "ServerLive":
		return method{serve: (*Handler).serverLive, quiet: true}
	case inference + "ServerReady":
		return method{serve: (*Handler).serverReady, quiet: true}
	case health + "Check":
		return method{serve: (*Handler).check, quiet: true}
	case health + "Watch":
		return method{serve: (*Handler).watch, quiet: true}
	case reflection, reflectAlpha:
		return method{serve: (*Handler).reflect}
	}
	return method{}
}

// Route tells under what a path is counted, "" for one that there is no method of,
// and whether it is told of at all.
func Route(path string) (route string, told bool) {
	m := find(path)
	if m.serve == nil {
		return "", true
	}
	return path, !m.quiet
}

// Serve answers a call. begin is called before anything else, and end after
// everything; the Call is good in between.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, begin, end func(*Call)) {
	c := h.calls.Get().(*Call)
	*c = Call{
		Context: r.Context(), w: w, r: r, body: c.body[:0], plain: c.plain[:0], out: c.out[:0],
		request: c.request, response: c.response,
	}
	defer h.done(c, end)
	head := w.Header()
	head.Set("Content-Type", contentType)
	head.Set("Grpc-Accept-Encoding", "gzip")
	begin(c)
	var err error
	if d := r.Header.Get("Grpc-Timeout"); d != "" {
		var cancel context.CancelFunc
		if cancel, err = h.limit(c, d); err == nil {
			defer cancel()
		}
	}
	if err == nil {
		err = h.guard(c)
	}
	h.conclude(c, err)
}

// limit bounds a call by the time that its client grants.
func (h *Handler) limit(c *Call, text string) (context.CancelFunc, error) {
	d, err := timeout(text)
	if err != nil {
		return nil, err
	}
	var cancel context.CancelFunc
	c.Context, cancel = context.WithTimeout(c.Context, d)
	// The HTTP server bounds the reading too; the deadline that is set last holds.
	if d < h.opt.RequestTimeout {
		if err := http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(d)); err != nil {
			cancel()
			return nil, err
		}
	}
	return cancel, nil
}

// guard runs the method; neither its error nor its panic leaves it.
func (h *Handler) guard(c *Call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			h.opt.Panicked(c, p, debug.Stack())
			err = &Status{Internal, "internal error"}
		}
	}()
	m := find(c.r.URL.Path)
	if m.serve == nil {
		return errorf(Unimplemented, "no such method: %s", quote(c.r.URL.Path))
	}
	if err := c.Context.Err(); err != nil {
		return h.ended(c, err)
	}
	return m.serve(h, c)
}

// conclude sends what ends a call: its status, in trailers.
func (h *Handler) conclude(c *Call, err error) {
	head := c.w.Header()
	if err == nil {
		head[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
		return
	}
	s := statusOf(err)
	if s.Code == Internal {
		c.Err = err
	}
	c.Code, c.Message = s.Code, s.Message
	head[http.TrailerPrefix+"Grpc-Status"] = []string{strconv.Itoa(int(s.Code))}
	head[http.TrailerPrefix+"Grpc-Message"] = []string{string(appendMessageText(nil, s.Message))}
}

// keepBytes bounds the memory that is kept between calls.
const keepBytes = 1 << 20

func (h *Handler) done(c *Call, end func(*Call)) {
	end(c)
	h.opt.Memory.Give(c.held)
	c.held, c.w, c.r, c.Context, c.Tag = 0, nil, nil, nil, nil
	if cap(c.body) <= keepBytes && cap(c.plain) <= keepBytes && cap(c.out) <= keepBytes && cap(c.request.scratch) <= keepBytes {
		h.calls.Put(c)
	}
}

// answer sends the message that write appends, of a call that has one answer.
func (c *Call) answer(write func(dst []byte) []byte) error {
	c.out = write(append(c.out[:0], 0, 0, 0, 0, 0))
	return c.send()
}

// send writes the message in out, behind the five bytes of its prefix.
func (c *Call) send() error {
	n := len(c.out) - prefixLen
	c.out[0], c.out[1], c.out[2], c.out[3], c.out[4] = 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	k, err := c.w.Write(c.out)
	c.BytesOut += int64(k)
	if err != nil {
		return &Status{Canceled, "the client left before its answer"}
	}
	return nil
}
