package server

import (
	"net/http"
	"sync"

	"online-inference/function/artefact"
	"online-inference/function/openapi"
)

// description keeps the document of the model that was asked for last. It is
// written when somebody asks, which keeps it out of the server's start.
type description struct {
	mu   sync.Mutex
	of   *artefact.Model
	text []byte
}

// openAPI answers the description of this interface for the model that is served.
func (s *Server) openAPI(c *call) error {
	m, err := s.opt.Repository.Find("", "")
	if err != nil {
		return err
	}
	text, err := s.description.document(m, s.opt.Build, s.maxRows(m))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, jsonType, text)
	return nil
}

func (d *description) document(m *artefact.Model, build string, maxRows int) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == m {
		return d.text, nil
	}
	text, err := openapi.Document(m, build, maxRows)
	if err == nil {
		d.of, d.text = m, text
	}
	return text, err
}
