package conform

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health/grpc_health_v1" // registers its messages
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/emptypb"

	_ "online-inference/function/oip/grpc/oippb" // registers the protocol's messages
)

// service is the protocol's own.
const service = "inference.GRPCInferenceService"

// findGRPC tells whether the server speaks gRPC, by a call that every server has.
func (t *target) findGRPC(ctx context.Context) {
	creds := insecure.NewCredentials()
	if t.base.Scheme == "https" {
		creds = credentials.NewTLS(nil)
	}
	if t.grpcAddr == "" {
		t.grpcAddr = t.address()
	}
	conn, err := grpc.NewClient("passthrough:///"+t.grpcAddr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.noGRPC = err.Error()
		return
	}
	t.conn = conn
	switch a := t.call(ctx, "ServerLive", []byte("{}"), nil); a.code {
	case "OK", "INTERNAL", "UNKNOWN", "INVALID_ARGUMENT":
	default:
		t.noGRPC = "the server does not speak gRPC at " + t.grpcAddr
		t.note("gRPC: ServerLive: %s", a.String())
	}
}

// callName completes the name of a call of the protocol.
func callName(call string) string {
	if strings.Contains(call, "/") {
		return "/" + call
	}
	return "/" + service + "/" + call
}

// messages are those that a call takes and returns, empty; a call that nobody
// knows takes and returns nothing.
func messages(name string) (in, out proto.Message) {
	full := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(name, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(full)
	m, ok := d.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		return &emptypb.Empty{}, &emptypb.Empty{}
	}
	return dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
}

var printer = protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}

// call makes a unary call whose message is written as JSON.
func (t *target) call(ctx context.Context, name string, message []byte, header map[string]string) answer {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	for k, v := range header {
		ctx = metadata.AppendToOutgoingContext(ctx, k, v)
	}
	name = callName(name)
	in, out := messages(name)
	if err := protojson.Unmarshal(message, in); err != nil {
		return answer{err: fmt.Errorf("cannot write the message: %w", err)}
	}
	if err := t.conn.Invoke(ctx, name, in, out); err != nil {
		return failed(err)
	}
	return said(out)
}

// failed is the answer that an error of a call stands for.
func failed(err error) answer {
	s := status.Convert(err)
	return answer{code: codeName(s.Code()), message: s.Message()}
}

func said(m proto.Message) answer {
	b, err := printer.Marshal(m)
	return answer{code: "OK", body: b, err: err}
}

// codeName writes a code as the gRPC documents do.
func codeName(c codes.Code) string {
	switch c {
	case codes.OK:
		return "OK"
	case codes.Canceled:
		return "CANCELLED"
	}
	var b strings.Builder
	for i, r := range c.String() {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
