package server

import (
	"context"
	"net"
	"net/http"
	"time"

	"online-inference/function/oip/grpc"
)

// linkKey is the key of a request's link in its context.
type linkKey struct{}

// A link is a connection.
type link struct {
	net.Conn
	late    bool         // made after the drain began
	express *expressConn // nil where it has no express lane
}

func linkOf(r *http.Request) *link {
	l, _ := r.Context().Value(linkKey{}).(*link)
	return l
}

// lastOn tells whether an answer has to announce the end of its connection, which
// on HTTP/2 is GOAWAY: while the server drains, but not on connections of HTTP/2
// that were made since. GOAWAY makes clients send again what crossed it, and they
// do that once: a call must not meet it twice. These connections are told when the
// server stops listening.
func (s *Server) lastOn(r *http.Request) bool {
	if !s.draining.Load() {
		return false
	}
	l := linkOf(r)
	return r.ProtoMajor < 2 || l == nil || !l.late
}

// enableH2 puts HTTP/2 without TLS, as proxies within a cluster speak it, beside
// HTTP/1.1 on one port, and gRPC beside REST.
func (s *Server) enableH2(rest http.Handler) {
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	s.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		express, _ := c.(*expressConn)
		return context.WithValue(ctx, linkKey{}, &link{Conn: c, late: s.draining.Load(), express: express})
	}
	s.grpc, s.streams = newGRPC(s), make(map[http.ResponseWriter]struct{})
	s.http.RegisterOnShutdown(s.grpc.Shutdown)
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			if l := linkOf(r); l != nil && l.express != nil {
				l.express.plain.Store(true)
			}
			rest.ServeHTTP(w, r)
			return
		}
		s.join(w, r)
		defer s.leave(w)
		if grpc.Speaks(r) {
			s.serveGRPC(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// join notes a stream of a connection that carries several: at the end of a drain
// each stops reading by itself, as a connection that stopped would take its answers
// along.
func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streams[w] = struct{}{}
	if l := linkOf(r); l != nil {
		if _, open := s.conns[l.Conn]; open {
			s.conns[l.Conn] = true
		}
	}
	s.mu.Unlock()
	if s.expired.Load() {
		s.stopStream(w)
	}
}

func (s *Server) leave(w http.ResponseWriter) {
	s.mu.Lock()
	delete(s.streams, w)
	s.mu.Unlock()
}

// stopStream makes every read of a stream fail from now on.
func (s *Server) stopStream(w http.ResponseWriter) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)); err != nil {
		s.logger.Debug().Err(err).Msg("stop reading")
	}
}
