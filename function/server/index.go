package server

import (
	"net/http"
	"strings"

	"online-inference/function/page"
)

// index is what GET / answers to programs; browsers get the page.
type index struct {
	Name      string   `json:"name"`
	Status    string   `json:"status"` // alive: what KServe's client takes for life
	Build     string   `json:"build"`
	Ready     bool     `json:"ready"`
	Model     string   `json:"model,omitempty"`
	Version   string   `json:"version,omitempty"`
	Revision  string   `json:"revision"`
	Pod       string   `json:"pod"`
	Endpoints []string `json:"endpoints"`
}

// index answers GET /: JSON to whoever does not ask for HTML, as clients probe a
// server's life here.
func (s *Server) index(c *call) error {
	c.Response().Header().Set("Vary", "Accept")
	m, err := s.ready()
	if strings.Contains(strings.ToLower(c.Request().Header.Get("Accept")), "text/html") {
		return s.indexPage(c)
	}
	x := index{
		Name: serverName, Status: "alive", Build: s.opt.Build, Ready: err == nil, Revision: s.opt.Revision, Pod: s.opt.Pod,
		Endpoints: []string{"POST /predict", "GET /health", "GET /v1/models", "GET /v2", "GET /v2/health/live", "GET /v2/health/ready"},
	}
	if s.opt.PublicMetrics {
		x.Endpoints = append(x.Endpoints, "GET "+metricsPath)
	}
	if m != nil {
		x.Model, x.Version = m.Name, m.Version
		base := "/v2/models/" + m.Name
		x.Endpoints = append(x.Endpoints, "GET "+base, "GET "+base+"/ready", "POST "+base+"/infer", "POST /v1/models/"+m.Name+":predict")
	}
	return s.replyJSON(c, x)
}

func (s *Server) indexPage(c *call) error {
	m, err := s.opt.Repository.Find("", "")
	if err != nil {
		return err
	}
	html, err := s.page.Render(m, page.Identity{Build: s.opt.Build, Revision: s.opt.Revision, Pod: s.opt.Pod, Base: base(c)})
	if err != nil {
		return err
	}
	s.replyPage(c, "text/html; charset=utf-8", html)
	return nil
}

// base is the address under which the client knows us.
func base(c *call) string {
	scheme := "http"
	if c.Request().Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + c.Request().Host
}

// asset answers a file of the page.
func (s *Server) asset(c *call) error {
	content, contentType, ok := page.Asset(c.Param("file"))
	if !ok {
		return refuse(http.StatusNotFound, "no such path: "+clip(c.Request().URL.Path))
	}
	s.replyPage(c, contentType, content)
	return nil
}

func (s *Server) replyPage(c *call, contentType string, content []byte) {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", page.SecurityPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	s.reply(c, http.StatusOK, contentType, content)
}
