package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"online-inference/lab/registry"
)

// runRegistry serves the lab's registry until ctx ends. A client must finish
// its request's header in 10 s; bodies are large layers and take their time.
func runRegistry(ctx context.Context, args, _ []string, s streams) error {
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	flags.SetOutput(s.err)
	listen := flags.String("listen", "127.0.0.1:5000", "address to listen on")
	shared := flags.String("shared", "", "folder of the lab's own repositories")
	own := flags.String("own", "", "folder of all other repositories")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	if *shared == "" || *own == "" {
		return fmt.Errorf("registry needs -shared and -own (%w)", errUsage)
	}
	handler, err := registry.New(*shared, *own, log.New(s.err, "", log.LstdFlags|log.Lmicroseconds))
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err = <-failed:
		return fmt.Errorf("the registry stopped: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(drain); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot stop the registry: %w", err)
	}
	return server.Close()
}
