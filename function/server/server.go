// Package server answers over HTTP: the simple /predict, the Open Inference
// Protocol by REST and by gRPC, health, and the page. It is the only package that knows echo.
//
// Every answer that is no success is {"error": "…"}, with one exception: what
// net/http refuses before there is a request (400 for a malformed head, 417 for an
// unknown expectation, 431 for a head that is too large, 501 for an unknown
// transfer encoding, 505 for another version of HTTP) is plain text and closes the
// connection.
package server

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"online-inference/function/artefact"
	"online-inference/function/oip/grpc"
	"online-inference/function/page"
	"online-inference/function/telemetry"
)

// A Repository finds models. The models may come and go while the server runs.
type Repository interface {
	// Find returns a loaded model; an empty name or version stands for the
	// repository's own choice. The error is artefact.ErrLoading where the model
	// may come, and wraps artefact.ErrUnknown where it will not.
	Find(name, version string) (*artefact.Model, error)
}

// Options are what a Server needs to know.
type Options struct {
	Repository Repository
	Log        zerolog.Logger
	RequestLog *zerolog.Logger // for a line a request; nil: Log
	Metrics    *telemetry.Metrics
	Exporter   *telemetry.Exporter // nil: no traces

	// PublicMetrics puts /metrics beside everything else; without it they are to
	// be had by ServeMetrics only.
	PublicMetrics bool

	Build, Revision, Pod string // who answers

	MaxBodyBytes   int64
	MaxRows        int
	RequestTimeout time.Duration // to receive a request
}

// Bounds of a connection that are no matter of taste.
const (
	// maxHeaderBytes is ample for proxies' headers; net/http adds 4 kB.
	maxHeaderBytes = 64 << 10
	// headerTimeout ends connections that send their header drop by drop.
	headerTimeout = 10 * time.Second
	// idleTimeout is longer than that of common proxies (queue-proxy, cloud load
	// balancers: 60 to 600 s), so that they close idle connections, not we:
	// a close from our side can cross a request.
	idleTimeout = 11 * time.Minute
	// answerTime is granted for the answer once a request is there.
	answerTime = 10 * time.Second
)

// A Server is an HTTP server with one life: Serve, then Drain or Close.
type Server struct {
	opt         Options
	http        *http.Server
	metrics     *http.Server // on a port of its own
	exposition  http.Handler // of the metrics
	page        *page.Page
	description description // of the interface
	logger      zerolog.Logger
	requestLog  *zerolog.Logger
	patterns    map[string]bool // of the routes: false for probes and scrapes, which are not told of

	draining atomic.Bool // SIGTERM has come: not ready, connections end with their reply
	expired  atomic.Bool // the drain budget is spent: what is not there yet is refused
	hanging  atomic.Bool // demonstration: nothing but ServeMetrics answers any more

	mu      sync.Mutex
	conns   map[net.Conn]bool                // true where it carries several requests at a time
	streams map[http.ResponseWriter]struct{} // of these connections

	bodies budget
	grpc   *grpc.Handler

	made  time.Time                    // when the server was made
	now   atomic.Pointer[second]       // of the last answer of the express lane
	table atomic.Pointer[expressTable] // of the model that it answered by

	works sync.Pool // *work
	calls sync.Pool // *call

	unpackers sync.Pool // *unpacker, none before the first gzip body
}

// New makes a Server; it does not listen yet.
func New(opt Options) *Server {
	s := &Server{opt: opt, page: page.New(), logger: opt.Log, requestLog: opt.RequestLog, patterns: make(map[string]bool), conns: make(map[net.Conn]bool), made: time.Now()}
	if s.requestLog == nil {
		s.requestLog = &s.logger
	}
	s.bodies.limit = max(bodiesAtOnce*opt.MaxBodyBytes, leastBudget)
	s.works.New = func() any { return new(work) }
	s.calls.New = func() any { return new(call) }
	e := echo.New()
	s.http = newHTTP(opt, e)
	s.http.ConnState = s.track
	s.enableH2(e)
	s.exposition = opt.Metrics.Handler(newErrorLog(opt.Log))
	s.metrics = newHTTP(opt, s.metricsHandler())
	e.HTTPErrorHandler = func(err error, c echo.Context) { s.refuse(s.callOf(c), err) }
	e.Use(s.observe)
	s.routes(e)
	return s
}

// newHTTP bounds what a connection may cost, whatever is served on it.
func newHTTP(opt Options, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       opt.RequestTimeout,
		WriteTimeout:      opt.RequestTimeout + answerTime,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          newErrorLog(opt.Log),
	}
}

// Serve answers on a listener until Drain or Close. It returns nil then.
func (s *Server) Serve(ln net.Listener) error { return serveOn(expressListener{ln, s}, s.http) }

func serveOn(ln net.Listener, h *http.Server) error {
	if err := h.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// Close ends everything at once.
func (s *Server) Close() error {
	err := errors.Join(s.http.Close(), s.metrics.Close())
	s.cutAnswers()
	return err
}

// Hang makes every request to Serve, health included, wait for good.
func (s *Server) Hang() { s.hanging.Store(true) }

// track knows the open connections, for the end of a drain.
func (s *Server) track(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*expressConn); ok {
		c.idle(state == http.StateIdle)
	}
	switch state {
	case http.StateNew:
		s.mu.Lock()
		s.conns[conn] = false
		s.mu.Unlock()
	case http.StateClosed, http.StateHijacked:
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}
}

// ready tells whether the default model can be asked now.
func (s *Server) ready() (*artefact.Model, error) {
	m, err := s.opt.Repository.Find("", "")
	if err == nil && s.draining.Load() {
		err = errDraining
	}
	return m, err
}
