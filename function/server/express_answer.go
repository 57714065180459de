package server

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// An expressTable is what the lane knows of the loaded model.
type expressTable struct {
	model *artefact.Model
	lanes []expressLane
	// The heads that name the answerer: those that sort before X-Request-Id, and
	// behind it.
	before, behind []byte
}

// An expressLane is one path.
type expressLane struct {
	path, route string
	answer      func(s *Server, r *telemetry.Request, m *artefact.Model, w *work) error
	binary      bool // the answer may have binary tensors
}

// find finds the lane of a path; nil where there is none.
func (t *expressTable) find(path []byte) *expressLane {
	for i := range t.lanes {
		if string(path) == t.lanes[i].path {
			return &t.lanes[i]
		}
	}
	return nil
}

// expressTable is the table of the model that is loaded now; nil without one.
func (s *Server) expressTable() *expressTable {
	m, err := s.opt.Repository.Find("", "")
	if err != nil {
		return nil
	}
	if t := s.table.Load(); t != nil && t.model == m {
		return t
	}
	t := s.newExpressTable(m)
	s.table.Store(t)
	return t
}

func (s *Server) newExpressTable(m *artefact.Model) *expressTable {
	t := &expressTable{model: m, lanes: []expressLane{{path: predictPath, route: predictPath, answer: (*Server).answerRows}}}
	tensors := func(s *Server, r *telemetry.Request, m *artefact.Model, w *work) error {
		return s.answerTensors(r, m, w, -1)
	}
	if unescaped(m.Name) {
		t.lanes = append(t.lanes,
			expressLane{path: strings.Replace(v1ModelPath, ":model", m.Name, 1) + ":" + predictVerb, route: v1ModelPath, answer: (*Server).answerInstances},
			expressLane{path: strings.Replace(v2ModelPath, ":model", m.Name, 1) + inferPath, route: v2ModelPath + inferPath, answer: tensors, binary: true})
	}
	if unescaped(m.Name) && unescaped(m.Version) {
		path := strings.NewReplacer(":model", m.Name, ":version", m.Version).Replace(v2VersionPath)
		t.lanes = append(t.lanes, expressLane{path: path + inferPath, route: v2VersionPath + inferPath, answer: tensors, binary: true})
	}
	before := http.Header{"X-Content-Type-Options": {"nosniff"}, "X-Model-Name": {m.Name}, "X-Model-Version": {m.Version}, "X-Pod": {s.opt.Pod}}
	behind := http.Header{}
	if s.opt.Revision != "" {
		behind.Set("X-Revision", s.opt.Revision)
	}
	t.before, t.behind = headLines(before), headLines(behind)
	return t
}

// headLines writes a head as net/http does.
func headLines(h http.Header) []byte {
	var b bytes.Buffer
	_ = h.Write(&b) // memory takes everything
	return b.Bytes()
}

// unescaped tells whether a part of a path is written as it is.
func unescaped(part string) bool {
	return part != "" && strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// evaluateExpress answers by w.out; it is false where the request is not for the
// lane, be it that its model panics: it will do so again, where this is answered.
func (s *Server) evaluateExpress(t *expressTable, lane *expressLane, h *expressHead, w *work) (ok bool) {
	s.opt.Metrics.Begin()
	defer func() {
		if !ok {
			if p := recover(); p != nil {
				s.logger.Warn().Str("path", lane.path).Msgf("a panic, the request goes the long way: %v", p)
			}
			s.opt.Metrics.Undo()
		}
	}()
	w.body = append(w.body[:0], h.body...)
	if int64(len(w.body)) > s.opt.MaxBodyBytes {
		return false
	}
	w.record = telemetry.Request{
		ID: telemetry.RequestID(string(h.id)), Method: http.MethodPost, Path: clip(lane.path), Route: lane.route,
		BytesIn: int64(len(w.body)), Model: t.model.Name, Version: t.model.Version,
	}
	if lane.answer(s, &w.record, t.model, w) != nil {
		return false
	}
	w.binary = lane.binary && w.request.HasBinary()
	return true
}

// composeExpress writes head and body of an answer into w.wire, as net/http would.
func (s *Server) composeExpress(t *expressTable, w *work, now time.Time) {
	w.wire = append(w.wire[:0], "HTTP/1.1 200 OK\r\nContent-Length: "...)
	w.wire = strconv.AppendInt(w.wire, int64(len(w.out)), 10)
	if w.binary {
		w.wire = append(w.wire, "\r\nContent-Type: "+octetType+"\r\n"+headerLength+": "...)
		w.wire = strconv.AppendInt(w.wire, int64(w.head), 10)
		w.wire = append(w.wire, "\r\n"...)
	} else {
		w.wire = append(w.wire, "\r\nContent-Type: "+jsonType+"\r\n"...)
	}
	w.wire = append(w.wire, t.before...)
	w.wire = append(append(append(w.wire, "X-Request-Id: "...), w.record.ID...), "\r\n"...)
	w.wire = append(w.wire, t.behind...)
	w.wire = append(append(append(w.wire, "Date: "...), s.date(now)...), "\r\n\r\n"...)
	w.wire = append(w.wire, w.out...)
}

// A second is a time as it stands in heads.
type second struct {
	unix int64
	text string
}

// date writes a time, once a second.
func (s *Server) date(now time.Time) string {
	unix := now.Unix()
	if d := s.now.Load(); d != nil && d.unix == unix {
		return d.text
	}
	d := &second{unix, now.UTC().Format(http.TimeFormat)}
	s.now.Store(d)
	return d.text
}
