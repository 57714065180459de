package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// BenchmarkHandler is a request without its connection: routing, reading,
// checking, scoring, writing, and the log line.
func BenchmarkHandler(b *testing.B) {
	m, err := artefact.Load("../kodata/models/heart-disease/1", artefact.Labels{})
	if err != nil {
		b.Fatal(err)
	}
	store := &artefact.Store{}
	store.Put(m)
	s := New(Options{
		Repository: store, Log: telemetry.NewLogger(io.Discard, "info", "json"), Pod: "p",
		MaxBodyBytes: 16 << 20, MaxRows: 10000, RequestTimeout: time.Second,
		Metrics: telemetry.NewMetrics("test"),
	})
	object := strings.Trim(row, "[]")
	for _, n := range []int{1, 1000} {
		rows := strings.TrimSuffix(strings.Repeat(object+",", n), ",")
		for name, c := range map[string]struct{ path, body string }{
			"objects": {"/predict", "[" + rows + "]"},
			"tensors": {"/v2/models/heart-disease/infer", manyTensors(n)},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(c.body)))
				b.ReportAllocs()
				for b.Loop() {
					req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, c.path, strings.NewReader(c.body))
					s.http.Handler.ServeHTTP(discard{http.Header{}}, req)
				}
			})
		}
	}
}

// manyTensors is a request of n equal rows.
func manyTensors(n int) string {
	one := inferRequest("")
	for _, value := range []string{"63", "1", "145", "233", "2", "150", "0", "2.3", "3", `"6"`} {
		one = strings.ReplaceAll(one, `"data":[`+value+`]`, `"data":[`+strings.TrimSuffix(strings.Repeat(value+",", n), ",")+`]`)
	}
	return strings.ReplaceAll(one, `"shape":[1]`, fmt.Sprintf(`"shape":[%d,1]`, n))
}
