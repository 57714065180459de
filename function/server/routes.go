package server

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// Paths of what scores.
const (
	predictPath   = "/predict"
	v1ModelPath   = "/v1/models/:model"
	v2ModelPath   = "/v2/models/:model"
	v2VersionPath = v2ModelPath + "/versions/:version"
	inferPath     = "/infer"
)

// routes registers every path. GET routes answer HEAD as well. A quiet one is
// for machines that ask all the time: it is neither logged nor counted.
func (s *Server) routes(e *echo.Echo) {
	quiet := func(path string, h func(*call) error) {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, s.handle(h))
		s.patterns[path] = false
	}
	get := func(path string, h func(*call) error) {
		quiet(path, h)
		s.patterns[path] = true
	}
	post := func(path string, h func(*call) error) {
		e.POST(path, s.handle(h))
		s.patterns[path] = true
	}
	scoring := []string{grpcInfer}
	score := func(path string, h func(*call) error) {
		post(path, h)
		scoring = append(scoring, path)
	}
	get("/", s.index)
	get("/assets/:file", s.asset)
	get("/openapi.json", s.openAPI)
	quiet("/health", s.health)
	score(predictPath, s.predict)
	if s.opt.PublicMetrics {
		quiet(metricsPath, s.scrape)
	}

	get("/v1/models", s.v1Models)
	quiet(v1ModelPath, s.v1Ready)
	score(v1ModelPath, s.v1Verb)
	e.OPTIONS(v1ModelPath, s.handle(s.v1Options))

	quiet("/v2/health/live", s.live)
	quiet("/v2/health/ready", s.readiness)
	get("/v2", s.serverMetadata)
	get("/v2/", s.serverMetadata)
	for _, model := range []string{v2ModelPath, v2VersionPath} {
		get(model, s.modelMetadata)
		get(model+"/ready", s.modelReady)
		score(model+inferPath, s.infer)
	}
	s.opt.Metrics.Scoring(scoring...)
}

// routeOf is the label under which a request is counted, and whether it is told of
// at all.
func (s *Server) routeOf(c echo.Context) (route string, told bool) {
	r := c.Request()
	route = c.Path()
	told, known := s.patterns[route]
	if !known {
		route = telemetry.OtherRoute
	}
	return route, told || !known || r.Method != http.MethodGet && r.Method != http.MethodHead
}

// model finds the model that the path names. A name or version that the path
// leaves empty is no choice of ours.
func (s *Server) model(c *call) (*artefact.Model, error) {
	var parts [2]string
	for i, key := range []string{"model", "version"} {
		v, given, err := pathParam(c, key)
		if err != nil {
			return nil, err
		}
		if given && v == "" {
			return nil, s.routeRefusal(c, http.StatusNotFound)
		}
		parts[i] = v
	}
	return s.find(c, parts[0], parts[1])
}

// find finds a model by what a request calls it.
func (s *Server) find(c *call, name, version string) (*artefact.Model, error) {
	m, err := s.opt.Repository.Find(name, version)
	if err != nil {
		return nil, err
	}
	s.claim(c, m)
	return m, nil
}

// pathParam is a part of the path; given is false where the route has no such
// part. echo matches the raw path where the client escaped a slash or the like,
// and leaves such a part escaped.
func pathParam(c *call, name string) (v string, given bool, err error) {
	if !slices.Contains(c.ParamNames(), name) {
		return "", false, nil
	}
	v = c.Param(name)
	if c.Request().URL.RawPath != "" {
		if v, err = url.PathUnescape(v); err != nil {
			return "", true, refuse(http.StatusBadRequest, "the path is not escaped rightly")
		}
	}
	return v, true, nil
}
