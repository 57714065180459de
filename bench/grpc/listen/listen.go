// Package listen holds what the compared servers have in common: an HTTP server
// over TCP that speaks HTTP/1.1 and, without TLS, HTTP/2, and the metrics library
// that the function links as well. /mallocs counts the allocations until now.
package listen

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Serve answers on PORT, gRPC by a handler, everything else by 200.
func Serve(grpc http.Handler) error {
	mux := http.NewServeMux()
	registry := prometheus.NewRegistry()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/mallocs", func(w http.ResponseWriter, _ *http.Request) {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		fmt.Fprint(w, stats.Mallocs)
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Protocols: protocols,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if grpc != nil && r.ProtoMajor == 2 && r.Method == http.MethodPost {
				grpc.ServeHTTP(w, r)
				return
			}
			mux.ServeHTTP(w, r)
		}),
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	return server.Serve(ln)
}
