package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// quiet is a server for measurements: as delivered, its log thrown away.
func quiet(tb testing.TB) *Server {
	tb.Helper()
	m, err := artefact.Load("../kodata/models/heart-disease/1", artefact.Labels{})
	if err != nil {
		tb.Fatal(err)
	}
	store := &artefact.Store{}
	store.Put(m)
	return New(Options{
		Repository: store, Log: telemetry.NewLogger(io.Discard, "info", "json"), Pod: "p",
		MaxBodyBytes: 16 << 20, MaxRows: 10000, RequestTimeout: 10 * time.Second,
		Metrics: telemetry.NewMetrics("test"),
	})
}

// bodies are requests of n equal rows in each form that is read by hand.
func bodies(n int) map[string]struct{ path, body string } {
	several := func(one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	object := strings.Trim(row, "[]")
	precise := strings.NewReplacer("63", "63.123456789012345", "145", "145.12345678901234", "233", "233.12345678901234",
		"150", "150.12345678901234", "2.3", "2.1234567890123457").Replace(listRow)
	return map[string]struct{ path, body string }{
		"objects":    {"/predict", "[" + several(object) + "]"},
		"lists":      {"/predict", `{"features":["age","sex","cp","trestbps","chol","fbs","restecg","thalach","exang","oldpeak","slope","ca","thal"],"data":[` + several(listRow) + "]}"},
		"precise":    {"/predict", `{"features":["age","sex","cp","trestbps","chol","fbs","restecg","thalach","exang","oldpeak","slope","ca","thal"],"data":[` + several(precise) + "]}"},
		"v1-objects": {v1Path, `{"instances":[` + several(object) + "]}"},
		"v1-lists":   {v1Path, `{"instances":[` + several(listRow) + "]}"},
		"tensors":    {"/v2/models/heart-disease/infer", manyTensors(n)},
	}
}

// again is a body that can be read again and again.
type again struct {
	strings.Reader
	text string
}

func (a *again) Close() error { return nil }

// TestAllocations: in steady state no value costs memory, neither when it is read
// nor when its answer is written: 1,000 rows take as many allocations as one, and
// those few belong to the request's head.
func TestAllocations(t *testing.T) {
	s := quiet(t)
	count := func(path, body string) float64 {
		a := &again{text: body}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, path, a)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = int64(len(body))
		w := discard{http.Header{}}
		return testing.AllocsPerRun(20, func() {
			a.Reset(a.text)
			clear(w.h)
			s.http.Handler.ServeHTTP(w, req)
		})
	}
	many := bodies(1000)
	for name, one := range bodies(1) {
		few, lots := count(one.path, one.body), count(many[name].path, many[name].body)
		if perValue := (lots - few) / (999 * 13); perValue > 0.01 || poolsKeep && (few > 30 || lots > few+10) {
			t.Errorf("%s: %v allocations for one row, %v for 1,000", name, few, lots)
		}
	}
	// Without the request's head there is next to nothing.
	m, err := s.opt.Repository.Find("", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 1000} {
		for name, c := range bodies(n) {
			w := &work{body: []byte(c.body)}
			rec := &telemetry.Request{Model: m.Name, Version: m.Version}
			evaluate := func() {
				var b *artefact.Batch
				switch c.path {
				case "/predict":
					err = w.table.Parse(w.body, m, 10000)
				case v1Path:
					err = w.table.ParseInstances(w.body, m, 10000)
				default:
					if err = w.request.Parse(w.body, s.limits(m)); err == nil {
						b, _, err = s.evaluate(rec, m, w)
					}
				}
				if err == nil && b == nil {
					b, err = s.evaluateTable(rec, m, w)
				}
				if err != nil {
					t.Fatal(err)
				}
				answer := scoredBatch(m, b)
				w.out = w.out[:0]
				for row := range b.Rows() {
					w.out = answer.append(w.out, row)
				}
				for i := range m.Signature().Outputs {
					w.out = appendRows(w.out, b.Output(i))
				}
				b.Release()
			}
			evaluate()
			// V1 quotes the name of its member.
			if got := testing.AllocsPerRun(50, evaluate); poolsKeep && got > 4 {
				t.Errorf("%s, %s rows: %v allocations", name, fmt.Sprint(n), got)
			}
		}
	}
}
