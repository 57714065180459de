// Command floor is the least that a Go server of predictions can be: net/http
// reads the body and writes a fixed answer. There is no model behind it.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// answer is as long as the function's for one row.
const answer = `{"model":"heart-disease","version":"1","revision":"","pod":"bench","predictions":[{"label":0,"class":"no disease","probabilities":{"no disease":0.64071804,"disease":0.35928193}}]}` + "\n"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := io.WriteString(w, answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}))
}
