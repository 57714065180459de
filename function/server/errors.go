package server

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// A refusal is an answer that is no success: a status and what to say.
type refusal struct {
	status  int
	message string
	fault   *oip.Fault // what of the message programs can tell apart; nil without any
}

func (r *refusal) Error() string { return r.message }

// refuse makes a refusal of a text alone.
func refuse(status int, message string) *refusal { return &refusal{status: status, message: message} }

var errDraining = refuse(http.StatusServiceUnavailable, "the server is shutting down")

// retryAfter is what a client that gets 503 is asked to wait, in seconds: a model
// loads in milliseconds, and during a drain another pod answers at once.
const retryAfter = "1"

// refuse answers a request with an error. The table is complete: what is not in
// it is our own fault and told to the log only.
func (s *Server) refuse(c *call, err error) {
	if c.Response().Committed {
		return
	}
	r := s.judge(c, err)
	h := c.Response().Header()
	switch r.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter)
	case http.StatusRequestTimeout:
		h.Set("Connection", "close")
	}
	s.settle(c)
	if r.fault != nil {
		c.buf = oip.AppendFault(c.buf[:0], r.fault)
	} else {
		c.buf = oip.AppendError(c.buf[:0], r.message)
	}
	s.reply(c, r.status, jsonType, c.buf)
}

// judge finds status and message of an error.
func (s *Server) judge(c *call, err error) *refusal {
	var (
		r     *refusal
		fault *oip.Fault
		limit *oip.LimitError
		large *http.MaxBytesError
		he    *echo.HTTPError
	)
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &fault):
		return &refusal{http.StatusBadRequest, fault.Text, fault}
	case errors.As(err, &limit), errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, err.Error())
	case errors.Is(err, artefact.ErrLoading):
		return refuse(http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, artefact.ErrUnknown):
		return refuse(http.StatusNotFound, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded) && s.expired.Load():
		return errDraining
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the request did not arrive within "+s.opt.RequestTimeout.String())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(http.StatusBadRequest, "the body ended before its announced length")
	case errors.As(err, &he):
		return s.routeRefusal(c, he.Code)
	}
	s.logger.Error().Str("request_id", c.record.ID).Err(err).Msg("internal error")
	return refuse(http.StatusInternalServerError, "internal error")
}

// routeRefusal words what the router says.
func (s *Server) routeRefusal(c *call, status int) *refusal {
	r := c.Request()
	switch status {
	case http.StatusNotFound:
		return refuse(status, "no such path: "+clip(r.URL.Path))
	case http.StatusMethodNotAllowed:
		return refuse(status, "method "+clip(r.Method)+" is not allowed here, expected "+c.Response().Header().Get(echo.HeaderAllow))
	}
	return refuse(status, strings.ToLower(http.StatusText(status)))
}

// clip bounds a client's text in a message.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// bad is the error of a request that cannot be answered as it is.
func bad(err error) error {
	var (
		limit *oip.LimitError
		fault *oip.Fault
	)
	if errors.As(err, &limit) || errors.As(err, &fault) {
		return err
	}
	return refuse(http.StatusBadRequest, err.Error())
}

// maxRows is how many rows a request to a model may have.
func (s *Server) maxRows(m *artefact.Model) int { return min(s.opt.MaxRows, m.MaxRows()) }

// badFor is bad for a request whose rows were counted: it says so where it is the
// model that takes no more.
func (s *Server) badFor(m *artefact.Model, err error) error {
	var limit *oip.LimitError
	if errors.As(err, &limit) && limit.What == oip.Rows && m.MaxRows() < s.opt.MaxRows {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("too many rows for this model: expected at most %d", limit.Limit))
	}
	return bad(err)
}

// errorLog passes what net/http has to say on to the log, at debug: these are
// clients' broken connections.
type errorLog struct{ log zerolog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	l.log.Debug().Str("from", "net/http").Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}

func newErrorLog(log zerolog.Logger) *stdlog.Logger { return stdlog.New(errorLog{log}, "", 0) }
