package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"online-inference/function/oip/grpc/oippb"
)

// TestGRPCDuringLoad: while the model is loading, not to be ready is an answer, and
// what needs the model is UNAVAILABLE.
func TestGRPCDuringLoad(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "heart.onnx")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "MODEL="+pipe, "LOG_LEVEL=debug")
	p.url = "http://" + p.address("listening")
	conn := callService(t, p)
	if !invoke(t, conn, protocol+"ServerLive", &oippb.ServerLiveRequest{}, &oippb.ServerLiveResponse{}).Live {
		t.Error("not live while loading")
	}
	ready := func() (server, model bool, health healthpb.HealthCheckResponse_ServingStatus) {
		return invoke(t, conn, protocol+"ServerReady", &oippb.ServerReadyRequest{}, &oippb.ServerReadyResponse{}).Ready,
			invoke(t, conn, callModelReady, &oippb.ModelReadyRequest{Name: "heart"}, &oippb.ModelReadyResponse{}).Ready,
			invoke(t, conn, healthpb.Health_Check_FullMethodName, &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{}).Status
	}
	if server, model, health := ready(); server || model || health != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("while loading: server %v, model %v, health %v", server, model, health)
	}
	refused(t, conn, callInfer, &oippb.ModelInferRequest{ModelName: "heart"}, codes.Unavailable, "the model is not loaded yet")
	refused(t, conn, callModelMetadata, &oippb.ModelMetadataRequest{Name: "heart"}, codes.Unavailable, "the model is not loaded yet")
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "inference.GRPCInferenceService"})
	if err != nil {
		t.Fatal(err)
	}
	said := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if res, err := watch.Recv(); err != nil || res.Status != want {
			t.Fatalf("the watch says %v, %v, expected %v", res, err, want)
		}
	}
	said(healthpb.HealthCheckResponse_NOT_SERVING)
	model, err := os.ReadFile("kodata/models/heart-disease/1/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pipe, model, 0o600); err != nil {
		t.Fatal(err)
	}
	said(healthpb.HealthCheckResponse_SERVING)
	if server, model, health := ready(); !server || !model || health != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("after the load: server %v, model %v, health %v", server, model, health)
	}
	p.signal(syscall.SIGTERM)
	said(healthpb.HealthCheckResponse_NOT_SERVING)
	if _, err := watch.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the watch ended with %v", err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestGRPCHealth: services by name, and the one that there is not.
func TestGRPCHealth(t *testing.T) {
	conn := callService(t, start(t))
	health := healthpb.NewHealthClient(conn)
	for _, name := range []string{"", "inference.GRPCInferenceService"} {
		res, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		if err != nil || res.Status != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("service %q: %v, %v", name, res, err)
		}
	}
	refused(t, conn, healthpb.Health_Check_FullMethodName, &healthpb.HealthCheckRequest{Service: "nope"}, codes.NotFound,
		`service "nope" not found: this server has "inference.GRPCInferenceService"`)
	ctx, cancel := context.WithCancel(t.Context())
	watch, err := health.Watch(ctx, &healthpb.HealthCheckRequest{Service: "nope"})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := watch.Recv(); err != nil || res.Status != healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		t.Errorf("watch of an unknown service: %v, %v", res, err)
	}
	cancel()
	if _, err := watch.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("a cancelled watch ended with %v", err)
	}
}

// TestGRPCReflection: what grpcurl does: list, then describe every service down to
// the last message, and use what was learnt.
func TestGRPCReflection(t *testing.T) {
	conn := callService(t, start(t))
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(req *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		res, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(res.OriginalRequest, req) || res.ValidHost != req.Host {
			t.Errorf("the answer to %v says that it is to %v of %q", req, res.OriginalRequest, res.ValidHost)
		}
		return res
	}
	list := ask(&reflectionpb.ServerReflectionRequest{Host: "h", MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{ListServices: "*"}})
	var services []string
	for _, s := range list.GetListServicesResponse().Service {
		services = append(services, s.Name)
	}
	slices.Sort(services)
	if want := "grpc.health.v1.Health grpc.reflection.v1.ServerReflection grpc.reflection.v1alpha.ServerReflection inference.GRPCInferenceService"; strings.Join(services, " ") != want {
		t.Fatalf("services %v, expected %s", services, want)
	}
	for _, name := range append(services, "inference.ModelInferRequest.InferInputTensor", "inference.InferParameter.parameter_choice",
		"grpc.health.v1.HealthCheckResponse.ServingStatus", "inference.GRPCInferenceService.ModelInfer", "inference.ModelReadyRequest.name") {
		files := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name}}).GetFileDescriptorResponse().GetFileDescriptorProto()
		if len(files) != 1 {
			t.Fatalf("%s is in %d files", name, len(files))
		}
		var file descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(files[0], &file); err != nil {
			t.Fatal(err)
		}
		fd, err := protodesc.NewFile(&file, protoregistry.GlobalFiles)
		if err != nil {
			t.Fatal(err)
		}
		var registry protoregistry.Files
		if err := registry.RegisterFile(fd); err != nil {
			t.Fatal(err)
		}
		if _, err := registry.FindDescriptorByName(protoreflect.FullName(name)); err != nil {
			t.Errorf("%s is not in the file that it is said to be in", name)
		}
		byName := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: file.GetName()}})
		if got := byName.GetFileDescriptorResponse().GetFileDescriptorProto(); len(got) != 1 || string(got[0]) != string(files[0]) {
			t.Errorf("%s by its name is another file", file.GetName())
		}
	}
	if res := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_AllExtensionNumbersOfType{AllExtensionNumbersOfType: "inference.InferParameter"}}); res.GetAllExtensionNumbersResponse().GetBaseTypeName() != "inference.InferParameter" {
		t.Errorf("extensions: %v", res)
	}
	for _, req := range []*reflectionpb.ServerReflectionRequest{
		{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "nope"}},
		{MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: "nope.proto"}},
		{MessageRequest: &reflectionpb.ServerReflectionRequest_AllExtensionNumbersOfType{AllExtensionNumbersOfType: "nope"}},
		{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingExtension{FileContainingExtension: &reflectionpb.ExtensionRequest{ContainingType: "a", ExtensionNumber: 1}}},
	} {
		if res := ask(req); res.GetErrorResponse().GetErrorCode() != int32(codes.NotFound) {
			t.Errorf("%v: %v", req, res)
		}
	}
	if res := ask(&reflectionpb.ServerReflectionRequest{}); res.GetErrorResponse().GetErrorCode() != int32(codes.InvalidArgument) {
		t.Errorf("no question: %v", res)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}

	// The older service has the same messages under another name.
	alpha, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
	if err != nil {
		t.Fatal(err)
	}
	if err := alpha.SendMsg(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	var res reflectionpb.ServerReflectionResponse
	if err := alpha.RecvMsg(&res); err != nil || len(res.GetListServicesResponse().GetService()) != 4 {
		t.Errorf("v1alpha: %v, %v", &res, err)
	}
}

// TestGRPCDrainEndsReflection: a client that keeps its stream of questions open
// does not hold the exit, and sees no error.
func TestGRPCDrainEndsReflection(t *testing.T) {
	p := start(t)
	stream, err := reflectionpb.NewServerReflectionClient(callService(t, p)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.signal(syscall.SIGTERM)
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it ended after %v", took)
	}
}

// TestH2C: REST over HTTP/2 without TLS, by prior knowledge, on the same port.
func TestH2C(t *testing.T) {
	p := start(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	for _, r := range right {
		one, err := do(http.DefaultClient, http.MethodPost, p.url+r.path, "application/json", r.body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK || string(body) != one.body {
			t.Errorf("%s by HTTP/%d: %d %s", r.path, res.ProtoMajor, res.StatusCode, body)
		}
	}
	// What asks for gRPC over HTTP/1.1 is told so like any other path that is not there.
	got, err := do(http.DefaultClient, http.MethodPost, p.url+callInfer, "application/grpc", "")
	if err != nil || got.status != 404 {
		t.Errorf("gRPC over HTTP/1.1: %d %s, %v", got.status, got.body, err)
	}
}

// noRetry leaves a client nothing but to send again what no server has taken: any
// other lost call shows.
var noRetry = grpc.WithDisableRetry()

// TestGRPCDocs: the request in docs/reference/grpc.md gets an answer, and that of
// the same patient by REST.
func TestGRPCDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/reference/grpc.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<<'JSON'\n")
	body, _, found := strings.Cut(rest, "\nJSON\n")
	if !found {
		t.Fatal("docs/reference/grpc.md has no request")
	}
	req := &oippb.ModelInferRequest{}
	if err := protojson.Unmarshal([]byte(body), req); err != nil {
		t.Fatal(err)
	}
	p := start(t)
	labels, probabilities := answersOf(t, invoke(t, callService(t, p), callInfer, req, &oippb.ModelInferResponse{}))
	same := strings.Replace(strings.Replace(objectsBody, `"ca":0`, `"ca":null`, 1), `},{`, `}]`, 1)
	same, _, _ = strings.Cut(same, `]`)
	want := predictAnswers(t, p.post("/predict", same+"]").body)
	if len(labels) != 1 || labels[0] != want[0].label || probabilities[1] != float32(want[0].probabilities[1]) {
		t.Errorf("got %v %v, REST says %v", labels, probabilities, want)
	}
}
