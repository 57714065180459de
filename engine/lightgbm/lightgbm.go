// Package lightgbm reads the models that LightGBM saves as text, versions v2 to
// v4 of the format (LightGBM 2.2 to 4.7).
//
// The file is lines of key=value: a head, then a block for each tree, then "end
// of trees", the training parameters, and a line that the Python package adds.
// LightGBM publishes no schema; what the values mean was read in its sources
// (include/LightGBM/tree.h, src/io/tree.cpp, src/boosting/gbdt_model_text.cpp,
// src/objective) and checked against the framework.
//
//   - Rows are doubles. A number goes left if value <= threshold. decision_type
//     holds, from its lowest bit: split by categories; missing values go left;
//     and in two bits which values are missing: none (NaN counts as 0), those
//     within 1e-35 of zero (zero_as_missing; NaN counts as 0), or NaN.
//   - In a split by categories a value, truncated to an integer, goes left if
//     its bit is set; missing, negative and unlisted ones go right.
//   - Tree i adds to output i modulo num_tree_per_iteration. Leaf values have
//     the learning rate and dart's weights in them. A random forest (the line
//     average_output) divides by the number of iterations.
//   - With linear_tree a leaf has a linear model, which a NaN in one of its
//     features replaces by the leaf's constant.
//   - Early stopping leaves nothing to do: save_model cuts the trees itself.
//   - Data frames: pandas_categorical lists the values of each category column;
//     the code of a value is its place, and a value that is not listed is missing.
package lightgbm

import (
	"bytes"
	"fmt"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

const formatName = "lightgbm-text"

// Sniff reports whether data begins as a model in text does.
func Sniff(data []byte) bool {
	rest, ok := bytes.CutPrefix(data, []byte("tree"))
	return ok && len(rest) > 0 && (rest[0] == '\n' || rest[0] == '\r')
}

// file is a model as read.
type file struct {
	data []byte
	pos  int
	line int // where the current line starts
	err  *modelfile.FormatError

	each      int // num_tree_per_iteration
	classes   int
	features  int // max_feature_idx + 1, 0 before it was read
	objective []string
	average   bool
	names     []string
	infos     []string
	marked    string // categorical_feature of the parameters
	pandas    []byte // JSON, nil where there is none

	spec  tree.Spec
	block block
}

// Parse reads a model.
func Parse(data []byte) (*forest.Plan, error) {
	f := &file{data: data}
	f.head()
	f.trees()
	f.tail()
	if f.err != nil {
		return nil, f.err
	}
	return f.plan()
}

// fail makes an error stick; reading then comes to its end at once.
func (f *file) fail(format string, args ...any) {
	if f.err == nil {
		f.err = &modelfile.FormatError{Format: formatName, Offset: f.line, Reason: fmt.Sprintf(format, args...)}
		f.pos = len(f.data)
	}
}

// exceed is fail for what goes beyond a limit.
func (f *file) exceed(format string, args ...any) {
	if f.err == nil {
		f.fail(format, args...)
		f.err.Limit = true
	}
}

// next is the next line without its end; ok is false at the end of the file.
func (f *file) next() (line []byte, ok bool) {
	if f.pos >= len(f.data) {
		return nil, false
	}
	f.line = f.pos
	line = f.data[f.pos:]
	if n := bytes.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
		f.pos++
	}
	f.pos += len(line)
	return bytes.TrimSuffix(line, []byte("\r")), true
}

// back makes the last line the next one again.
func (f *file) back() { f.pos = f.line }

// whole reads a number that counts something.
func (f *file) whole(key string, text []byte) int {
	v, n := scan.ParseNumber(text)
	if n == 0 || n != len(text) || v < 0 || v > 1<<31-1 || v != float64(int(v)) {
		f.fail("%s is %.40q", key, text)
		return 0
	}
	return int(v)
}

// head reads the lines before the first tree.
func (f *file) head() {
	for {
		line, ok := f.next()
		if !ok {
			f.fail("the file ends within its head")
			return
		}
		key, value, _ := bytes.Cut(line, []byte("="))
		switch string(key) {
		case "Tree", "end of trees", "feature importances:", "feature_importances:", "parameters:":
			f.back()
			f.checkHead()
			return
		case "num_class":
			f.classes = f.whole("num_class", value)
		case "num_tree_per_iteration":
			f.each = f.whole("num_tree_per_iteration", value)
		case "max_feature_idx":
			f.features = f.whole("max_feature_idx", value) + 1
		case "average_output":
			f.average = true
		case "objective":
			f.objective = fields(value)
		case "feature_names":
			f.names = fields(value)
		case "feature_infos":
			f.infos = fields(value)
		}
	}
}

func fields(text []byte) []string {
	var out []string
	for _, part := range bytes.Fields(text) {
		out = append(out, string(part))
	}
	return out
}

func (f *file) checkHead() {
	if f.each == 0 {
		f.each = max(f.classes, 1)
	}
	switch {
	case f.features == 0:
		f.fail("the head has no max_feature_idx")
	case f.features > modelfile.MaxColumns:
		f.exceed("%d features, %d are allowed", f.features, modelfile.MaxColumns)
	case len(f.names) == 0: // LightGBM refuses such a file, too
		f.fail("the head has no feature_names")
	case len(f.names) != f.features:
		f.fail("%d feature names for %d features", len(f.names), f.features)
	case f.each > modelfile.MaxTargets:
		f.exceed("%d trees in an iteration, %d are allowed", f.each, modelfile.MaxTargets)
	}
}

// tail reads what follows the trees.
func (f *file) tail() {
	for {
		line, ok := f.next()
		if !ok {
			return
		}
		if v, ok := bytes.CutPrefix(line, []byte("[categorical_feature: ")); ok {
			f.marked = string(bytes.TrimSuffix(v, []byte("]")))
		}
		if v, ok := bytes.CutPrefix(line, []byte("pandas_categorical:")); ok {
			f.pandas = v
		}
	}
}

// plan makes the model of what was read.
func (f *file) plan() (*forest.Plan, error) {
	s := forest.Spec{Format: formatName, Type: tensor.Float64, Out: tensor.Float64, Targets: f.each}
	if err := f.setObjective(&s); err != nil {
		return nil, err
	}
	var err error
	if s.Columns, err = f.columns(); err != nil {
		return nil, err
	}
	trees := len(f.spec.Roots)
	if trees%f.each != 0 {
		return nil, damaged("%d trees, %d in an iteration", trees, f.each)
	}
	if trees > 0 {
		if f.average {
			s.Factor = 1 / float64(trees/f.each)
		}
		f.spec.Features, f.spec.Targets = f.features, f.each
		if s.Trees, err = tree.New(f.spec); err != nil {
			return nil, modelfile.Malformed(formatName, err)
		}
	}
	return forest.New(s)
}

func damaged(format string, args ...any) error {
	return &modelfile.FormatError{Format: formatName, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}
