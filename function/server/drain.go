package server

import (
	"context"
	"time"
)

// farewell is the part of the drain time-out that is kept for telling clients
// whose requests did not arrive in time.
const farewell = 250 * time.Millisecond

// answersAsked is how often the end of a server looks for answers under way.
const answersAsked = 2 * time.Millisecond

// Drain ends the server without losing a request, in three steps:
//
// For delay it answers everything as before, but is not ready, and every reply
// announces that its connection closes: whoever still sends here, because the
// news of our end travels slowly, gets an answer and moves on.
//
// Then it stops listening, closes idle connections, and waits for requests in
// flight until timeout is nearly over.
//
// At last it stops reading: a request that has not arrived is refused with 503,
// so that a stalled upload cannot hold the process. It returns how many
// connections it then had to cut.
//
// Metrics on a port of their own are answered until the rest has ended.
func (s *Server) Drain(delay, timeout time.Duration) (cut int) {
	s.draining.Store(true)
	s.opt.Metrics.Draining()
	defer s.endMetrics(time.Now().Add(delay + timeout))
	if delay > 0 {
		time.Sleep(delay)
	}
	end := time.Now().Add(timeout)
	soon := end.Add(-min(farewell, timeout/4))
	if s.shutdown(soon) == nil {
		return 0
	}
	s.expired.Store(true)
	s.stopReading()
	if s.shutdown(end) == nil {
		return 0
	}
	s.mu.Lock()
	cut = len(s.conns)
	s.mu.Unlock()
	if err := s.http.Close(); err != nil {
		s.logger.Debug().Err(err).Msg("close")
	}
	s.cutAnswers()
	return cut
}

// shutdown waits for the requests in flight; the error says that time was up.
func (s *Server) shutdown(end time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return err
	}
	// To net/http a connection of the express lane is idle. Nothing new begins
	// there: the server drains.
	for ; s.answers() > 0; time.Sleep(answersAsked) {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// stopReading makes every read of a connection fail from now on, and of one that
// carries several requests at a time every read of these.
func (s *Server) stopReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.streams {
		s.stopStream(w)
	}
	for conn, several := range s.conns {
		if several {
			continue
		}
		if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
			s.logger.Debug().Err(err).Msg("stop reading") // closed meanwhile
		}
	}
}
