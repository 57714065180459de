// Command own serves with the function's own handler.
package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"os"
	"time"

	"online-inference/bench/grpc/listen"
	"online-inference/function/oip"
	"online-inference/function/oip/grpc"
)

// sum adds up the inputs of a row, as package answer does for the others.
type sum struct{}

func (sum) Ready(string, string) error { return nil }

func (sum) Describe(string, string) (*grpc.Metadata, error) { return &grpc.Metadata{Name: "sum"}, nil }

func (sum) Infer(_ *grpc.Call, q *grpc.Request, res *grpc.Response) error {
	var req oip.Request
	if err := q.Fill(&req); err != nil {
		return err
	}
	if err := req.Check(oip.Limits{Rows: 1 << 20, Cells: 1 << 24}); err != nil {
		return &grpc.Status{Code: grpc.InvalidArgument, Message: err.Error()}
	}
	rows := req.Inputs[0].Shape[0]
	labels, probabilities := make([]int64, rows), make([]float32, 2*rows)
	for _, in := range req.Inputs {
		if in.Len != rows || in.Datatype != oip.FP32 {
			return &grpc.Status{Code: grpc.InvalidArgument, Message: "rows differ"}
		}
		for i := range rows {
			probabilities[2*i] += math.Float32frombits(binary.LittleEndian.Uint32(in.Raw[4*i:]))
		}
	}
	res.Begin(q, "sum", "1")
	res.Output("label", oip.INT64, []int{rows}, grpc.Values{I64: labels})
	res.Output("probabilities", oip.FP32, []int{rows, 2}, grpc.Values{F32: probabilities})
	res.End(nil)
	return nil
}

// ample is more memory than the comparison asks for.
type ample struct{}

func (ample) Take(int64) bool { return true }
func (ample) Give(int64)      {}

func main() {
	handler := grpc.New(grpc.Options{
		Backend: sum{}, Memory: ample{}, Server: grpc.Server{Name: "own", Version: "1"}, MaxBytes: 16 << 20,
		RequestTimeout: time.Minute, Expired: func() bool { return false },
		Panicked: func(_ *grpc.Call, p any, _ []byte) { fmt.Fprintln(os.Stderr, p) },
	})
	none := func(*grpc.Call) {}
	fmt.Fprintln(os.Stderr, listen.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.Serve(w, r, none, none)
	})))
	os.Exit(1)
}
