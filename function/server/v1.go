package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/function/telemetry"
)

// The protocol of TensorFlow Serving in the form that KServe gave it, its V1.

// v1Models lists the models that can be asked; none while one is loading.
func (s *Server) v1Models(c *call) error {
	c.buf = append(c.buf[:0], `{"models":[`...)
	if m, err := s.opt.Repository.Find("", ""); err == nil {
		c.buf = oip.AppendString(c.buf, m.Name)
	}
	c.buf = append(c.buf, "]}\n"...)
	s.reply(c, http.StatusOK, jsonType, c.buf)
	return nil
}

// v1Ready tells whether a model can be asked.
func (s *Server) v1Ready(c *call) error {
	if _, _, cut := cutVerb(c); cut {
		return s.v1Method(c)
	}
	return s.modelReady(c)
}

// v1Options tells what the path of a model, or of its verb, takes: the router sees
// no difference.
func (s *Server) v1Options(c *call) error {
	if err := s.v1Method(c); c.Response().Header().Get(echo.HeaderAllow) == "" {
		return err
	}
	c.Response().WriteHeader(http.StatusNoContent)
	return nil
}

// v1Method refuses a method that a model's path, or its verb's, does not take.
func (s *Server) v1Method(c *call) error {
	name, verb, cut := cutVerb(c)
	allow := "OPTIONS, GET, HEAD"
	if cut {
		if allow = "OPTIONS, POST"; verb != predictVerb || name == "" {
			return s.routeRefusal(c, http.StatusNotFound)
		}
	}
	if _, err := s.find(c, name, ""); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderAllow, allow)
	return s.routeRefusal(c, http.StatusMethodNotAllowed)
}

// predictVerb is the one verb of a model's path.
const predictVerb = "predict"

// cutVerb parts "name:verb". No name of a model holds a colon.
func cutVerb(c *call) (name, verb string, cut bool) {
	name, _, err := pathParam(c, "model")
	if err != nil {
		return "", "", false
	}
	return strings.Cut(name, ":")
}

// v1Verb answers POST /v1/models/NAME:predict. The router cannot part the name
// from the verb: its parameter ends at a slash only.
func (s *Server) v1Verb(c *call) error {
	name, verb, cut := cutVerb(c)
	if !cut || verb != predictVerb || name == "" {
		return s.v1Method(c)
	}
	m, err := s.find(c, name, "")
	if err != nil {
		return err
	}
	w := s.works.Get().(*work)
	defer s.done(w)
	if _, err := s.receive(c, w, false); err != nil {
		return err
	}
	if err := s.answerInstances(&c.record, m, w); err != nil {
		return err
	}
	s.reply(c, http.StatusOK, jsonType, w.out)
	return nil
}

// answerInstances answers the body in w by w.out.
func (s *Server) answerInstances(rec *telemetry.Request, m *artefact.Model, w *work) error {
	w.begun = time.Now()
	if err := w.table.ParseInstances(w.body, m, s.maxRows(m)); err != nil {
		return s.badFor(m, err)
	}
	o, err := v1Output(m, w.table.Signature)
	if err != nil {
		return err
	}
	b, err := s.evaluateTable(rec, m, w)
	if err != nil {
		return err
	}
	defer b.Release()
	w.out = append(w.out[:0], `{"predictions":[`...)
	w.out = appendRows(w.out, b.Output(o))
	w.out = append(w.out, ']')
	if len(w.marks) > 0 {
		w.out = append(w.out, `,"warnings":[`...)
		for i, k := range w.marks {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.out = oip.AppendString(w.out, "row "+strconv.Itoa(k.row)+": "+k.text)
		}
		w.out = append(w.out, ']')
	}
	w.out = append(w.out, "}\n"...)
	w.lap(&rec.Encode)
	return nil
}

// defaultSignature is what clients of TensorFlow Serving ask for who want no
// output in particular.
const defaultSignature = "serving_default"

// v1Output is the output that a request wants: the one of that name, by default
// the label, else the predicted value, else the first.
func v1Output(m *artefact.Model, name string) (int, error) {
	ports := m.Signature().Outputs
	if name == "" || name == defaultSignature {
		for _, role := range []engine.Role{engine.RoleLabel, engine.RolePrediction} {
			for i := range ports {
				if m.Role(i) == role {
					return i, nil
				}
			}
		}
		return 0, nil
	}
	for i := range ports {
		if ports[i].Name == name {
			return i, nil
		}
	}
	got := oip.Describe(oip.String, []byte(name))
	return 0, refuse(http.StatusBadRequest, fmt.Sprintf(`"signature_name": unknown output %s, expected %s`, got, portNames(ports)))
}

// appendRows appends an element for each row of a tensor: a value where a row is
// one, else a list.
func appendRows(dst []byte, t *engine.Tensor) []byte {
	width := t.Width()
	if width == 1 {
		return artefact.AppendElements(dst, t, 0, t.Len())
	}
	for row := range t.Rows() {
		if row > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = append(artefact.AppendElements(dst, t, row*width, (row+1)*width), ']')
	}
	return dst
}
