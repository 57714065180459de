package server

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"online-inference/function/artefact"
)

// routes registers every path. GET routes answer HEAD as well.
func (s *Server) routes(e *echo.Echo) {
	get := func(path string, h func(*call) error) {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, s.handle(h))
	}
	get("/", s.index)
	get("/assets/:file", s.asset)
	get("/health", s.quietly(s.health))
	e.POST("/predict", s.handle(s.predict))

	get("/v2/health/live", s.quietly(s.live))
	get("/v2/health/ready", s.quietly(s.readiness))
	get("/v2", s.serverMetadata)
	get("/v2/", s.serverMetadata)
	for _, model := range []string{"/v2/models/:model", "/v2/models/:model/versions/:version"} {
		get(model, s.modelMetadata)
		get(model+"/ready", s.modelReady)
		e.POST(model+"/infer", s.handle(s.infer))
	}
}

// quietly keeps probes out of the log.
func (s *Server) quietly(h func(*call) error) func(*call) error {
	return func(c *call) error {
		c.quiet = true
		return h(c)
	}
}

// model finds the model that the path names.
func (s *Server) model(c *call) (*artefact.Model, error) {
	name, err := pathParam(c, "model")
	if err != nil {
		return nil, err
	}
	version, err := pathParam(c, "version")
	if err != nil {
		return nil, err
	}
	m, err := s.opt.Repository.Find(name, version)
	if err != nil {
		return nil, err
	}
	s.claim(c, m)
	return m, nil
}

// pathParam is a part of the path. echo matches the raw path where the client
// escaped a slash or the like, and leaves such a part escaped.
func pathParam(c *call, name string) (string, error) {
	v := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return clip(v), nil
	}
	v, err := url.PathUnescape(v)
	if err != nil {
		return "", &refusal{http.StatusBadRequest, "the path is not escaped rightly"}
	}
	return clip(v), nil
}
