// What makes code of inference.proto. It is a module of its own, so that a
// compiler for protocol buffers is pinned and needs no program of the system.
module online-inference/lab/components/protoc

go 1.26.0

require (
	github.com/bufbuild/protocompile v0.14.1
	google.golang.org/protobuf v1.36.11
)

require golang.org/x/sync v0.8.0 // indirect
