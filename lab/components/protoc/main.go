// Command protoc makes the descriptors and the Go messages of the gRPC services:
//
//	go run . [-check] FOLDER
//
// FOLDER/proto/*.proto are compiled to FOLDER/descriptors.binpb, a serialised
// FileDescriptorSet for reflection, and proto/inference.proto to
// FOLDER/oippb/inference.pb.go, the messages that tests and clients use. With
// -check nothing is written: a file that is not what would be written is an error.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// sources are compiled; Go code is made of the first one.
var sources = []string{"inference.proto", "health.proto", "reflection_v1.proto", "reflection_v1alpha.proto"}

func main() {
	check := flag.Bool("check", false, "compare, do not write")
	flag.Parse()
	if err := run(context.Background(), *check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "protoc:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, check bool, args []string) error {
	if len(args) != 1 {
		return errors.New("expected one argument: the folder of the package")
	}
	files, err := generate(ctx, args[0])
	if err != nil {
		return err
	}
	for name, want := range files {
		path := filepath.Join(args[0], name)
		if !check {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				return err
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not what the .proto files say: run `make proto`", path)
		}
	}
	return nil
}

// generate returns the contents of the generated files by their names.
func generate(ctx context.Context, folder string) (map[string][]byte, error) {
	// Comments go into the Go code, and for their sake alone is the place of things
	// in the source kept.
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{filepath.Join(folder, "proto")}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := compiler.Compile(ctx, sources...)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	for _, file := range compiled {
		set.File = append(set.File, protoutil.ProtoFromFileDescriptor(file))
	}
	code, err := goCode(set.File[0])
	if err != nil {
		return nil, err
	}
	for _, file := range set.File {
		file.SourceCodeInfo = nil
	}
	descriptors, err := proto.MarshalOptions{Deterministic: true}.Marshal(&set)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"descriptors.binpb":                       descriptors,
		filepath.Join("oippb", "inference.pb.go"): []byte(code),
	}, nil
}

// goCode makes the Go code of a file's messages.
func goCode(file *descriptorpb.FileDescriptorProto) (string, error) {
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file.GetName()},
		ProtoFile:      []*descriptorpb.FileDescriptorProto{file},
	})
	if err != nil {
		return "", err
	}
	for _, f := range plugin.Files {
		internal_gengo.GenerateFile(plugin, f)
	}
	res := plugin.Response()
	if res.Error != nil {
		return "", errors.New(*res.Error)
	}
	if len(res.File) != 1 {
		return "", fmt.Errorf("%d files of Go code, expected 1", len(res.File))
	}
	return res.File[0].GetContent(), nil
}
