package graph

import (
	"errors"
	"strings"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
)

// TestLimits asks for more columns and targets than there may be, and keeps such
// files apart from damaged ones.
func TestLimits(t *testing.T) {
	for words, made := range map[string]func(v int64) onnx.Node{
		"node 0 of tree 0 tests feature":                        func(v int64) onnx.Node { return replaced(intsAttr("nodes_featureids", v, 0, 0)) },
		"a weight adds to target":                               func(v int64) onnx.Node { return replaced(intsAttr("target_ids", 0, v)) },
		"TreeEnsembleRegressor \"n\": the number of targets is": func(v int64) onnx.Node { return stump(intAttr("n_targets", v), floatsAttr("base_values", 1)) },
		"TreeEnsemble \"n\": the number of targets is":          func(v int64) onnx.Node { return node(ml, "TreeEnsemble", intAttr("n_targets", v)) },
		"inputdimensions":                                       func(v int64) onnx.Node { return node(ml, "FeatureVectorizer", intsAttr("inputdimensions", v)) },
	} {
		for v, beyond := range map[int64]bool{modelfile.MaxColumns + 1: true, 1 << 60: true, -1: false} {
			m := modelOf(2, made(v))
			if m.Graph.Nodes[0].Op == "TreeEnsemble" {
				m.Opsets[ml] = 5
			}
			_, err := Compile(m)
			if err == nil || !strings.Contains(err.Error(), words) || errors.Is(err, modelfile.ErrLimit) != beyond {
				t.Errorf("%s %d: error %v", words, v, err)
			}
		}
	}
}
