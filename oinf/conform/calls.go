package conform

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"online-inference/oinf/conform/checks"
)

// grpcConcurrent makes calls of different sizes at once over one connection.
func grpcConcurrent(ctx context.Context, t *target, c *checks.Check, _ *request) (answer, error) {
	return atOnce(func(i int) (answer, error) {
		root, rows, id, err := t.numbered(i)
		if err != nil {
			return answer{}, err
		}
		m, err := t.grpcForm(root, "grpc")
		if err != nil {
			return answer{}, err
		}
		m.set("id", str(id))
		a := t.call(ctx, "ModelInfer", m.bytes(), nil)
		return a, own(t, c, a, rows, id)
	})
}

// grpcAfterError makes the valid call after one that fails.
func grpcAfterError(ctx context.Context, t *target, _ *checks.Check, r *request) (answer, error) {
	if a := t.call(ctx, "ModelInfer", []byte(`{"model_name": "no-such-model"}`), nil); a.code == "OK" {
		return answer{}, fmt.Errorf("the unknown model: %s", a.String())
	}
	return t.call(ctx, "ModelInfer", r.body, nil), nil
}

// grpcWatch reads the first state that the health service sends.
func grpcWatch(ctx context.Context, t *target, _ *checks.Check, _ *request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	stream, err := grpc_health_v1.NewHealthClient(t.conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return failed(err), nil
	}
	m, err := stream.Recv()
	if err != nil {
		return failed(err), nil
	}
	return said(m), nil
}

// reflect asks the reflection service one question.
func (t *target) reflect(ctx context.Context, q *grpc_reflection_v1.ServerReflectionRequest) (*grpc_reflection_v1.ServerReflectionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(t.conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(q); err != nil {
		return nil, err
	}
	m, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	return m, stream.CloseSend()
}

// listed is an answer made of a list of names.
func listed(member string, names []string) answer {
	l := list()
	for _, n := range names {
		l.items = append(l.items, str(n))
	}
	return answer{code: "OK", body: object(member, l).bytes()}
}

func grpcReflection(ctx context.Context, t *target, _ *checks.Check, _ *request) (answer, error) {
	m, err := t.reflect(ctx, &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return failed(err), nil
	}
	var names []string
	for _, s := range m.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return listed("services", names), nil
}

func grpcReflectionFile(ctx context.Context, t *target, _ *checks.Check, _ *request) (answer, error) {
	m, err := t.reflect(ctx, &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	if err != nil {
		return failed(err), nil
	}
	var names []string
	for _, b := range m.GetFileDescriptorResponse().GetFileDescriptorProto() {
		var file descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(b, &file); err != nil {
			return answer{}, fmt.Errorf("a file of the reflection: %w", err)
		}
		for _, d := range file.GetMessageType() {
			names = append(names, d.GetName())
		}
	}
	slices.Sort(names)
	return listed("messages", names), nil
}
