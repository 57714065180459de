// Command connect serves with connect-go.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"online-inference/bench/grpc/answer"
	"online-inference/bench/grpc/listen"
	"online-inference/function/oip/grpc/oippb"
)

func main() {
	const service = "inference.GRPCInferenceService"
	mux := http.NewServeMux()
	mux.Handle("/"+service+"/ModelInfer", connect.NewUnaryHandler("/"+service+"/ModelInfer",
		func(_ context.Context, req *connect.Request[oippb.ModelInferRequest]) (*connect.Response[oippb.ModelInferResponse], error) {
			res, err := answer.Infer(req.Msg)
			if err != nil {
				return nil, err
			}
			return connect.NewResponse(res), nil
		}))
	mux.Handle(grpchealth.NewHandler(grpchealth.NewStaticChecker(service)))
	reflector := grpcreflect.NewStaticReflector(service)
	mux.Handle(grpcreflect.NewHandlerV1(reflector))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	fmt.Fprintln(os.Stderr, listen.Serve(mux))
	os.Exit(1)
}
