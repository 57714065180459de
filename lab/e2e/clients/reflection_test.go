//go:build e2e

package clients

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// described fetches a service from the server's reflection, as grpcurl does: no
// file of the protocol is at hand.
func described(ctx context.Context, t *testing.T, conn *grpc.ClientConn, service string) protoreflect.ServiceDescriptor {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, b := range m.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(b, file); err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor)
}

func TestReflection(t *testing.T) {
	j := heart(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+j.URL, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // of no interest at the end of the test
	inference := described(ctx, t, conn, "inference.GRPCInferenceService")
	health := described(ctx, t, conn, "grpc.health.v1.Health")
	if n := inference.Methods().Len(); n != 6 {
		t.Errorf("the inference service has %d calls, expected 6", n)
	}
	for _, c := range []struct {
		service            protoreflect.ServiceDescriptor
		call, sent, answer string
		code               codes.Code
	}{
		{inference, "ServerLive", `{}`, `"live":true`, codes.OK},
		{inference, "ServerReady", `{}`, `"ready":true`, codes.OK},
		{inference, "ServerMetadata", `{}`, `"name":"online-inference"`, codes.OK},
		{inference, "ModelReady", `{"name":"heart-disease"}`, `"ready":true`, codes.OK},
		{inference, "ModelMetadata", `{"name":"heart-disease"}`, `"name":"thal"`, codes.OK},
		{inference, "ModelMetadata", `{"name":"no-such-model"}`, unknown, codes.NotFound},
		{inference, "ModelInfer", `{"model_name":"heart-disease"}`, "", codes.InvalidArgument},
		{health, "Check", `{}`, `"status":"SERVING"`, codes.OK},
	} {
		method := c.service.Methods().ByName(protoreflect.Name(c.call))
		if method == nil {
			t.Errorf("%s is not described", c.call)
			continue
		}
		in, out := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
		if err := protojson.Unmarshal([]byte(c.sent), in); err != nil {
			t.Fatal(err)
		}
		err := conn.Invoke(ctx, "/"+string(c.service.FullName())+"/"+c.call, in, out)
		if status.Code(err) != c.code {
			t.Errorf("%s %s: %v, expected %s", c.call, c.sent, err, c.code)
			continue
		}
		text := status.Convert(err).Message()
		if err == nil {
			b, err := protojson.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			text = strings.ReplaceAll(string(b), `": `, `":`)
		}
		if !strings.Contains(text, c.answer) {
			t.Errorf("%s %s: %s, expected %s", c.call, c.sent, text, c.answer)
		}
	}
}
