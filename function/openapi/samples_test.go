package openapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/server"
	"online-inference/function/telemetry"
)

// TestSamplesAreTaken sends a server each example of its own document, for every
// model: none is refused.
func TestSamplesAreTaken(t *testing.T) {
	bundled, err := filepath.Glob("../kodata/models/heart-disease/*")
	if err != nil || len(bundled) == 0 {
		t.Fatal("no bundled models", err)
	}
	golden, err := filepath.Glob("../../engine/testdata/golden/*/model.*")
	if err != nil || len(golden) < 150 {
		t.Fatalf("%d golden models, %v", len(golden), err)
	}
	store, url := serve(t)
	for _, path := range append(bundled, golden...) {
		m, err := artefact.Load(path, artefact.Labels{Name: "m", Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		store.Put(m)
		var doc struct {
			Paths map[string]struct {
				Post struct {
					RequestBody struct {
						Content map[string]struct {
							Examples map[string]struct{ Value json.RawMessage }
						}
					}
				}
			}
		}
		if err := json.Unmarshal(exchange(t, http.MethodGet, url+"/openapi.json", nil), &doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		sent := 0
		for at, operation := range doc.Paths {
			for _, e := range operation.Post.RequestBody.Content["application/json"].Examples {
				sent++
				exchange(t, http.MethodPost, url+at, e.Value)
			}
		}
		if sent < 6 {
			t.Errorf("%s: only %d examples", path, sent)
		}
		if t.Failed() {
			t.Fatalf("the examples of %s are refused", path)
		}
	}
}

// serve runs a server of whatever model the store holds.
func serve(t *testing.T) (*artefact.Store, string) {
	t.Helper()
	store := &artefact.Store{}
	s := server.New(server.Options{
		Repository: store, Log: telemetry.NewLogger(io.Discard, "info", "json"), Build: "test", Pod: "pod",
		MaxBodyBytes: 1 << 20, MaxRows: 100, RequestTimeout: time.Minute, Metrics: telemetry.NewMetrics("test"),
	})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Drain(0, time.Minute)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return store, "http://" + ln.Addr().String()
}

// exchange wants a request answered with 200.
func exchange(t *testing.T, method, url string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s %s: %d %s, sent %s", method, url, resp.StatusCode, answer, body)
	}
	return answer
}
