// Command floor is the least that a Go server can be: net/http and one handler.
// Its start time is what the language costs; the rest of ours is our own.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", ":"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	http.HandleFunc("/v2/health/ready", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("{\"ready\":true}\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	return http.Serve(ln, nil)
}
