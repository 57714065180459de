// Package catboost reads the models that CatBoost saves with
// save_model(format="json").
//
// The format is documented in CatBoost's tutorial on model analysis; what was
// not said there was read in its sources (catboost/libs/model) and checked
// against the framework.
//
//   - A test on a number is value > border in float32. nan_value_treatment says
//     what NaN gives: AsTrue, AsFalse, or AsIs, under which no comparison holds.
//   - A one-hot test compares a 32-bit hash of the category's text. Categories
//     that are integers are hashed as their decimal digits.
//   - An oblivious tree asks the same question of all nodes of a level: the
//     answer to split i is bit i of the number of the leaf. Other trees
//     (grow_policy Depthwise and Lossguide) are nested; true goes right.
//   - The sum of the leaves is multiplied by the scale, then the bias is added.
//   - A row's class is 1 if its sum is more than 0, or than the logit of
//     binclass_probability_threshold; of several classes the one of the largest
//     sum. Poisson and Tweedie answer with exponentials, as CatBoostRegressor
//     does; RMSEWithUncertainty with a mean and a variance.
//
// Tests on counters of categories (CTRs, for columns of more categories than
// one_hot_max_size), on texts and on embeddings are refused.
package catboost

import (
	"fmt"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

const formatName = "catboost-json"

// feature is a column of numbers or of categories.
type feature struct {
	name    string
	column  int // flat_feature_index, -1 where it is missing
	nanTrue bool
	nanSeen bool // nan_value_treatment is one that is known
	codes   map[int32]float64
}

// file is a model as read.
type file struct {
	r     scan.Reader
	size  int // bytes of the file
	loss  string
	names classNames

	floats, cats []feature
	other        *modelfile.UnsupportedError // the first feature or split that is not read

	threshold float64 // binclass_probability_threshold
	scale     float64
	bias      []float64

	spec  tree.Spec
	dims  int // values of a leaf, 0 before the first tree
	level []split
	value []float64
}

// Sniff reports whether a JSON document is a model of CatBoost: it has one of
// its own keys at the top, and XGBoost's "learner" does not come before it.
func Sniff(data []byte) bool {
	own, decided := false, false
	r := scan.JSON(formatName, data)
	r.Object(func(key []byte) {
		switch string(key) {
		case "features_info", "model_info", "oblivious_trees", "trees":
			own = own || !decided
			decided = true
		case "learner":
			decided = true
		}
		if decided {
			r.Fail("enough was read")
		}
	})
	return own
}

// Parse reads a model.
func Parse(data []byte) (*forest.Plan, error) {
	f := &file{r: scan.JSON(formatName, data), size: len(data), threshold: 0.5, scale: 1}
	f.r.Object(func(key []byte) {
		switch string(key) {
		case "features_info":
			f.r.Object(f.features)
		case "model_info":
			f.r.Object(f.info)
		case "oblivious_trees":
			f.r.Array(func(int) { f.oblivious() })
		case "trees":
			f.r.Array(func(int) { f.nested() })
		case "scale_and_bias":
			f.scaleAndBias()
		}
	})
	f.r.End()
	if err := f.r.Err(); err != nil {
		return nil, err
	}
	return f.plan()
}

func (f *file) scaleAndBias() {
	f.r.Array(func(i int) {
		switch {
		case i == 0:
			f.scale = f.r.Float()
		case i == 1 && f.r.Kind() == scan.Array:
			f.bias = f.r.Floats64(nil)
		case i == 1:
			f.bias = []float64{f.r.Float()} // one number before 1.0
		}
	})
}

// features reads features_info.
func (f *file) features(key []byte) {
	switch string(key) {
	case "float_features":
		f.r.Array(func(i int) {
			x := f.feature(i, len(f.floats))
			if !x.nanSeen {
				f.r.Fail("feature %d has an unknown nan_value_treatment", i)
			}
			f.floats = append(f.floats, x)
		})
	case "categorical_features":
		f.r.Array(func(i int) {
			x := f.feature(i, len(f.cats))
			x.codes = map[int32]float64{}
			f.cats = append(f.cats, x)
		})
	case "text_features", "embedding_features":
		kind := string(key)
		f.r.Array(func(int) {
			f.other = &modelfile.UnsupportedError{Format: formatName, Op: kind, Reason: "the model reads texts or embeddings, " +
				"but only numbers and one-hot categories are read; turn these columns into numbers before training"}
			f.r.Skip()
		})
	}
}

func (f *file) feature(i, want int) feature {
	x := feature{column: -1, nanSeen: true}
	id, index := "", want
	f.r.Object(func(key []byte) {
		switch string(key) {
		case "feature_name":
			x.name = f.r.Text()
		case "feature_id":
			id = f.r.Text()
		case "feature_index":
			index = f.whole(modelfile.MaxColumns)
		case "flat_feature_index":
			x.column = f.whole(modelfile.MaxColumns)
		case "nan_value_treatment":
			switch f.r.Text() {
			case "AsIs", "AsFalse":
			case "AsTrue":
				x.nanTrue = true
			default:
				x.nanSeen = false
			}
		}
	})
	if index != want || x.column < 0 {
		f.r.Fail("feature %d is number %d, column %d", i, index, x.column)
	}
	if x.name == "" {
		x.name = id
	}
	return x
}

// whole reads an integer from 0 to below limit.
func (f *file) whole(limit int) int {
	v := f.r.Float()
	if v >= float64(limit) {
		f.r.Exceed("%.0f where a number up to %d is allowed", v, limit-1)
	}
	if v < 0 || v >= float64(limit) || v != float64(int(v)) {
		f.r.Fail("%v where a number from 0 to %d is wanted", v, limit-1)
		return 0
	}
	return int(v)
}

// plan makes the model of what was read.
func (f *file) plan() (*forest.Plan, error) {
	if f.other != nil {
		return nil, f.other
	}
	if f.dims == 0 {
		f.dims = max(len(f.bias), 1)
	}
	s := forest.Spec{
		Format: formatName, Type: tensor.Float32, Out: tensor.Float64, Targets: f.dims,
		Factor: f.scale, Base: f.bias, Decide: forest.BySum,
	}
	if len(f.bias) == 1 && f.dims > 1 {
		s.Base = nil
		for range f.dims {
			s.Base = append(s.Base, f.bias[0])
		}
	}
	if err := f.setLoss(&s); err != nil {
		return nil, err
	}
	var err error
	if s.Columns, err = f.columns(); err != nil {
		return nil, err
	}
	if f.trees() > 0 {
		if err := f.place(); err != nil {
			return nil, err
		}
		f.spec.Features, f.spec.Targets = len(s.Columns), f.dims
		if s.Trees, err = tree.New(f.spec); err != nil {
			return nil, modelfile.Malformed(formatName, err)
		}
	}
	return forest.New(s)
}

// columns lays out the features at their places among all columns. A column
// that no feature names was constant in training.
func (f *file) columns() ([]forest.Column, error) {
	n := 0
	for _, list := range [][]feature{f.floats, f.cats} {
		for _, x := range list {
			n = max(n, x.column+1)
		}
	}
	if n > max(f.size, modelfile.MaxUnnamed) {
		return nil, modelfile.Malformed(formatName, modelfile.Exceeds("%d columns in a file of %d bytes, %d are allowed", n, f.size, modelfile.MaxUnnamed))
	}
	out := make([]forest.Column, n)
	taken := make([]bool, n)
	for _, list := range [][]feature{f.floats, f.cats} {
		for _, x := range list {
			if taken[x.column] {
				return nil, damaged("two features are column %d", x.column)
			}
			taken[x.column] = true
			out[x.column].Name = x.name
			if x.codes != nil {
				out[x.column].Text = func(text string) (float64, bool) {
					if code, ok := x.codes[hash(text)]; ok {
						return code, true
					}
					return -1, true
				}
			}
		}
	}
	return out, nil
}

func damaged(format string, args ...any) error {
	return &modelfile.FormatError{Format: formatName, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}
