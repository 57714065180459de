package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"

	"online-inference/oinf/inspect"
)

const inspectHelp = `
oinf inspect MODEL: tell what a model is

MODEL is a model file (ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON),
or a folder with one and a model.yaml. The model is loaded and checked as the
server does it, its example rows included.

Examples
  oinf inspect model.onnx
  oinf inspect models/churn -json | jq '.features[].name'

Exit codes: 0 the model can be served; 2 wrong arguments, or it cannot.
`

func inspectVerb(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	set := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "write JSON")
	rest, err := parse(set, inspectHelp, args, stdout, 1, 1)
	if err != nil {
		return err
	}
	r, err := inspect.Model(rest[0])
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if !*asJSON {
		return written(r.Text(stdout))
	}
	e := json.NewEncoder(stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return written(e.Encode(r))
}

func written(err error) error {
	if err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	return nil
}
