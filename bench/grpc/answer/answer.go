// Package answer is the model of the comparison: none, so that the protocol alone
// is measured. It adds up the inputs of a row.
package answer

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"online-inference/function/oip/grpc/oippb"
)

// Infer answers with two outputs, like a classifier of two classes: a label and
// two probabilities for each row.
func Infer(req *oippb.ModelInferRequest) (*oippb.ModelInferResponse, error) {
	if len(req.Inputs) == 0 || len(req.Inputs[0].Shape) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no inputs")
	}
	rows := req.Inputs[0].Shape[0]
	labels, probabilities := make([]int64, rows), make([]float32, 2*rows)
	for _, in := range req.Inputs {
		values := in.Contents.GetFp32Contents()
		if int64(len(values)) != rows {
			return nil, status.Error(codes.InvalidArgument, "rows differ")
		}
		for i, v := range values {
			probabilities[2*i] += v
		}
	}
	return &oippb.ModelInferResponse{
		ModelName: "sum", ModelVersion: "1", Id: req.Id,
		Outputs: []*oippb.ModelInferResponse_InferOutputTensor{
			{Name: "label", Datatype: "INT64", Shape: []int64{rows}, Contents: &oippb.InferTensorContents{Int64Contents: labels}},
			{Name: "probabilities", Datatype: "FP32", Shape: []int64{rows, 2}, Contents: &oippb.InferTensorContents{Fp32Contents: probabilities}},
		},
	}, nil
}
