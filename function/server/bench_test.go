package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkHandler is a request without its connection: routing, reading,
// checking, scoring, writing, and the log line.
func BenchmarkHandler(b *testing.B) {
	s := quiet(b)
	for _, n := range []int{1, 1000} {
		for name, c := range bodies(n) {
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

// BenchmarkConnection is a request with its connection, one after the other on
// loopback, beside the floor: a bare net/http server that reads the same body and
// writes an answer of the same length.
func BenchmarkConnection(b *testing.B) {
	s := quiet(b)
	floor := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", jsonType)
		if _, err := w.Write(bytes.Repeat([]byte("x"), min(len(body), 250))); err != nil {
			b.Error(err)
		}
	})
	for _, n := range []int{1, 1000} {
		for name, c := range bodies(n) {
			for _, h := range []struct {
				name    string
				handler http.Handler
			}{{"server", s.http.Handler}, {"floor", floor}} {
				b.Run(fmt.Sprintf("%s/%d/%s", name, n, h.name), func(b *testing.B) { onLoopback(b, h.handler, c.path, c.body) })
			}
		}
	}
}

// onLoopback sends a request again and again.
func onLoopback(b *testing.B, h http.Handler, path, body string) {
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := newHTTP(quiet(b).opt, h)
	done := make(chan error, 1)
	go func() { done <- serveOn(ln, server) }()
	client := &http.Client{Transport: &http.Transport{}}
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+ln.Addr().String()+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", jsonType)
		res, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res.Status, err)
		}
		if err := res.Body.Close(); err != nil {
			b.Error(err)
		}
	}
	client.CloseIdleConnections()
	if err := server.Shutdown(context.Background()); err != nil {
		b.Error(err)
	}
	if err := <-done; err != nil {
		b.Error(err)
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
