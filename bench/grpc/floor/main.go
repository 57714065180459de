// Command floor is the server without gRPC.
package main

import (
	"fmt"
	"os"

	"online-inference/bench/grpc/listen"
)

func main() {
	fmt.Fprintln(os.Stderr, listen.Serve(nil))
	os.Exit(1)
}
