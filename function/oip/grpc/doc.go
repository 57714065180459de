// Package grpc speaks the gRPC form of the Open Inference Protocol, the standard
// health service and server reflection, as an http.Handler for net/http's own
// HTTP/2, so that REST and gRPC share one port. It knows neither models nor echo: a
// Backend answers.
//
// Framing and messages are read and written by hand, with the generated messages
// (package oippb) as their truth in the tests. The libraries cost a multiple of
// this server's budget for its start, and their messages are objects where the hot
// path wants the elements as they came: bytes of a tensor are handed on without
// being copied. docs/design.md has the figures.
package grpc
