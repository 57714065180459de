package server

import (
	"context"
	"net"
	"net/http"
	"time"

	"online-inference/function/oip"
)

// metricsPath is where metrics are, on whichever port.
const metricsPath = "/metrics"

// lastScrape bounds the wait for a scrape that is under way when all else has ended.
const lastScrape = 100 * time.Millisecond

// metricsHandler answers on a port of metrics alone.
func (s *Server) metricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != metricsPath:
			writeRefusal(w, http.StatusNotFound, "no such path: "+clip(r.URL.Path)+", expected "+metricsPath)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			writeRefusal(w, http.StatusMethodNotAllowed, "method "+clip(r.Method)+" is not allowed here, expected GET, HEAD")
		default:
			s.exposition.ServeHTTP(w, r)
		}
	})
}

// writeRefusal is refuse where there is no call. A client that has left cannot be
// told anything, so the error of writing is of no use.
func writeRefusal(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(oip.AppendError(nil, message))
}

// scrape answers metrics on the port of everything else.
func (s *Server) scrape(c *call) error {
	if s.lastOn(c.Request()) {
		c.Response().Header().Set("Connection", "close")
	}
	s.exposition.ServeHTTP(c.Response(), c.Request())
	return nil
}

// ServeMetrics answers metrics, and nothing else, on a listener of their own,
// until Drain or Close. It returns nil then.
func (s *Server) ServeMetrics(ln net.Listener) error { return serveOn(ln, s.metrics) }

// endMetrics ends ServeMetrics once everything else has ended: at once for idle
// connections, and for a running scrape by the deadline at the latest.
func (s *Server) endMetrics(deadline time.Time) {
	if last := time.Now().Add(lastScrape); last.Before(deadline) {
		deadline = last
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if s.metrics.Shutdown(ctx) == nil {
		return
	}
	if err := s.metrics.Close(); err != nil {
		s.logger.Debug().Err(err).Msg("close")
	}
}
