// Package telemetry is what the server tells its operators: log lines, one for
// each request, the stages of its start, and metrics. None ever holds what a
// request or an answer contains.
package telemetry

import (
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// NewLogs are two logs of the same lines: one for what is written when it is told,
// and one for requests, whose lines are gathered unless somebody watches.
func NewLogs(lines *Lines, watched bool, level, format string) (all, requests zerolog.Logger) {
	all = NewLogger(lines, level, format)
	if watched {
		return all, all
	}
	return all, NewLogger(lines.Gathered(), level, format)
}

// NewLogger writes lines of a level and above: debug, info, warn, error or off,
// as json or text.
func NewLogger(w io.Writer, level, format string) zerolog.Logger {
	if format == "text" {
		console := zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.RFC3339}
		w = console
		if g, ok := console.Out.(gathered); ok {
			w = gatheredText{console, g.Lines}
		}
	}
	l := zerolog.Disabled
	switch level {
	case "debug":
		l = zerolog.DebugLevel
	case "info":
		l = zerolog.InfoLevel
	case "warn":
		l = zerolog.WarnLevel
	case "error":
		l = zerolog.ErrorLevel
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger()
}

// A Request is what is logged of a request.
type Request struct {
	ID, Method, Path, Route string
	Status                  int
	Duration                time.Duration
	Rows                    int
	Scored                  int // of Rows: all or none
	BytesIn, BytesOut       int64
	Model, Version          string // empty before a model is loaded
	TraceID                 string // empty where the request is in no trace
	// The parts of an inference: reading the values out of the body, scoring them,
	// and writing the answer. Each is 0 where it was not reached.
	Decode, Predict, Encode time.Duration
}

// Log writes the line of the request.
func (r *Request) Log(log *zerolog.Logger) {
	e := log.Info()
	if r.Status >= 500 {
		e = log.Error()
	}
	if e == nil {
		return
	}
	e.Str("request_id", r.ID).Str("method", r.Method).Str("path", r.Path).Str("route", r.Route).
		Int("status", r.Status).Float64("duration_ms", Milliseconds(r.Duration)).
		Int("rows", r.Rows).Int64("bytes_in", r.BytesIn).Int64("bytes_out", r.BytesOut).
		Str("model", r.Model).Str("model_version", r.Version)
	if r.TraceID != "" {
		e.Str("trace_id", r.TraceID)
	}
	e.Msg("request")
}

// Milliseconds is a duration as a number with three decimals.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// maxRequestID bounds an id that a client gives.
const maxRequestID = 128

// RequestID is the client's id of a request where it is sane, else a new one: an
// id stands in headers and logs, so it is a word of plain characters.
func RequestID(given string) string {
	if given != "" && len(given) <= maxRequestID && plain(given) {
		return given
	}
	var b [32]byte
	for i := 0; i < len(b); i += 16 {
		hex := strconv.AppendUint(b[i:i], rand.Uint64()|1<<63, 16)
		copy(b[i:], hex)
	}
	return string(b[:])
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}
