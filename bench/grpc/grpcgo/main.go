// Command grpcgo serves with grpc-go's http.Handler.
package main

import (
	"context"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"online-inference/bench/grpc/answer"
	"online-inference/bench/grpc/listen"
	"online-inference/function/oip/grpc/oippb"
)

func infer(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var req oippb.ModelInferRequest
	if err := dec(&req); err != nil {
		return nil, err
	}
	return answer.Infer(&req)
}

func main() {
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "inference.GRPCInferenceService",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "ModelInfer", Handler: infer}},
		Metadata:    "inference.proto",
	}, nil)
	healthpb.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	fmt.Fprintln(os.Stderr, listen.Serve(server))
	os.Exit(1)
}
