package server

import (
	"net/http"
	"strconv"

	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// live says that the process works, nothing else.
func (s *Server) live(c *call) error {
	s.reply(c, http.StatusOK, jsonType, []byte("{\"live\":true}\n"))
	return nil
}

// readiness tells the truth: 200 only where the model is loaded, proven, and the
// server is not about to end.
func (s *Server) readiness(c *call) error {
	_, err := s.ready()
	c.buf = append(c.buf[:0], `{"ready":`...)
	s.readyReply(c, err)
	return nil
}

// modelReady is readiness of one model.
func (s *Server) modelReady(c *call) error {
	m, err := s.model(c)
	if err != nil {
		return err
	}
	if s.draining.Load() {
		err = errDraining
	}
	c.buf = append(c.buf[:0], `{"name":`...)
	c.buf = oip.AppendString(c.buf, m.Name)
	c.buf = append(c.buf, `,"ready":`...)
	s.readyReply(c, err)
	return nil
}

// health is readiness with a word on who answers.
func (s *Server) health(c *call) error {
	m, err := s.ready()
	status := "ok"
	if err != nil {
		status = "unavailable"
	}
	c.buf = append(c.buf[:0], `{"status":"`+status+`",`...)
	if m != nil {
		c.buf = s.appendIdentity(c.buf, m)
		c.buf = append(c.buf, ',')
	}
	c.buf = append(c.buf, `"ready":`...)
	s.readyReply(c, err)
	return nil
}

// readyReply ends a reply that says whether something is ready.
func (s *Server) readyReply(c *call, err error) {
	c.buf = strconv.AppendBool(c.buf, err == nil)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		c.Response().Header().Set("Retry-After", retryAfter)
		c.buf = append(c.buf, `,"error":`...)
		c.buf = oip.AppendString(c.buf, err.Error())
	}
	c.buf = append(c.buf, "}\n"...)
	s.reply(c, status, jsonType, c.buf)
}

// appendIdentity appends the members that say who answers.
func (s *Server) appendIdentity(dst []byte, m *artefact.Model) []byte {
	dst = append(dst, `"model":`...)
	dst = oip.AppendString(dst, m.Name)
	dst = append(dst, `,"version":`...)
	dst = oip.AppendString(dst, m.Version)
	dst = append(dst, `,"revision":`...)
	dst = oip.AppendString(dst, s.opt.Revision)
	dst = append(dst, `,"pod":`...)
	return oip.AppendString(dst, s.opt.Pod)
}
