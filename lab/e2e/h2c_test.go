//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// TestH2CRoute shows the variant whose port is named h2c: REST by HTTP/1.1, REST by
// HTTP/2 without TLS, and gRPC, all through the route's one address.
func TestH2CRoute(t *testing.T) {
	feature(t, "h2c", func(ctx context.Context, t *testing.T, n *namespace) {
		out, err := n.koApply(ctx, "knative/h2c/10-service-v1.yaml")
		must(t, out, err)
		if err := n.ready(ctx, 90*time.Second); err != nil {
			t.Fatal(err)
		}
		base, address, golden := n.address(ctx, t, ""), gateway(ctx, t), goldenPatients(t)
		one := client(address)
		if err := routed(ctx, one, base); err != nil {
			t.Fatal(err)
		}
		two := client(address)
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		two.Transport.(*http.Transport).Protocols = protocols
		for name, c := range map[string]*http.Client{"HTTP/1.1": one, "HTTP/2": two} {
			for i := range 10 {
				if _, err := predict(ctx, c, base, golden, i); err != nil {
					t.Errorf("REST by %s: %v", name, err)
				}
			}
			if major := protocolOf(ctx, t, c, base); fmt.Sprint("HTTP/", major) != name[:6] {
				t.Errorf("%s was asked for, HTTP/%d answered", name, major)
			}
		}
		callThroughRoute(ctx, t, base, address, golden["1"])
	})
}

// protocolOf is the version of HTTP in which the gateway answers a client.
func protocolOf(ctx context.Context, t *testing.T, c *http.Client, base string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v2", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	res.Body.Close()
	return res.ProtoMajor
}

// callThroughRoute does what grpcurl does: it learns the service by reflection and
// calls it, here for ten patients.
func callThroughRoute(ctx context.Context, t *testing.T, base, address string, golden []patient) {
	t.Helper()
	host, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host.Host),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	health, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil || health.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("health: %v, %v", health, err)
	}
	file := learn(ctx, t, conn)
	for i, p := range golden[:10] {
		req := dynamicpb.NewMessage(file.Messages().ByName("ModelInferRequest"))
		if err := protojson.Unmarshal(inferBody(t, p), req); err != nil {
			t.Fatal(err)
		}
		res := dynamicpb.NewMessage(file.Messages().ByName("ModelInferResponse"))
		var header metadata.MD
		if err := conn.Invoke(ctx, "/inference.GRPCInferenceService/ModelInfer", req, res, grpc.Header(&header)); err != nil {
			t.Fatalf("patient %d: %v", i, err)
		}
		if got := header.Get("x-revision"); len(got) != 1 || got[0] != service+"-v1" {
			t.Errorf("the call was answered by revision %v", got)
		}
		text, err := protojson.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Outputs []struct {
				Name     string
				Contents struct {
					Int64Contents []json.Number `json:"int64Contents"`
					Fp32Contents  []float64     `json:"fp32Contents"`
				}
			}
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		if err := dec.Decode(&answer); err != nil || len(answer.Outputs) != 2 {
			t.Fatalf("patient %d: %v in %s", i, err, text)
		}
		label, probabilities := answer.Outputs[0].Contents.Int64Contents, answer.Outputs[1].Contents.Fp32Contents
		if len(label) != 1 || label[0].String() != fmt.Sprint(p.Label) || len(probabilities) != 2 || math.Abs(probabilities[1]-p.Probabilities[1]) > 1e-5 {
			t.Errorf("patient %d: %s, want label %d with %v", i, text, p.Label, p.Probabilities)
		}
	}
}

// learn asks reflection for the file of the inference service.
func learn(ctx context.Context, t *testing.T, conn *grpc.ClientConn) protoreflect.FileDescriptor {
	t.Helper()
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "inference.GRPCInferenceService"},
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	files := res.GetFileDescriptorResponse().GetFileDescriptorProto()
	if len(files) != 1 {
		t.Fatalf("reflection gave %v", res)
	}
	var text descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(files[0], &text); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(&text, new(protoregistry.Files))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// inferBody is a ModelInferRequest for one patient, as protocol buffers' JSON.
func inferBody(t *testing.T, p patient) []byte {
	t.Helper()
	inputs := []map[string]any{}
	for name, value := range p.Row {
		tensor := map[string]any{"name": name, "shape": []int{1, 1}}
		switch v := value.(type) {
		case string:
			tensor["datatype"], tensor["contents"] = "BYTES", map[string]any{"bytes_contents": [][]byte{[]byte(v)}}
		case float64:
			tensor["datatype"], tensor["contents"] = "FP64", map[string]any{"fp64_contents": []float64{v}}
		default:
			t.Fatalf("%s is %v: the first patients have no missing values", name, value)
		}
		inputs = append(inputs, tensor)
	}
	body, err := json.Marshal(map[string]any{"model_name": "heart-disease", "inputs": inputs})
	if err != nil {
		t.Fatal(err)
	}
	return body
}
