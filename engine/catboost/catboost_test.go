package catboost_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/catboost"
	"online-inference/engine/internal/stump"
	"online-inference/engine/modelfile"
)

// small is a model of one oblivious tree over two questions, which other tests
// change by replacing parts: bit 0 is feature 0 > 1.5, bit 1 feature 1 > -2.
const small = `{"features_info":{"float_features":[
{"borders":[1.5],"feature_id":"","feature_index":0,"flat_feature_index":0,"has_nans":false,"nan_value_treatment":"AsIs"},
{"borders":[-2],"feature_id":"","feature_index":1,"flat_feature_index":1,"has_nans":true,"nan_value_treatment":"AsFalse"}]},
"model_info":{"params":{"loss_function":{"params":{},"type":"RMSE"}}},
"oblivious_trees":[{"leaf_values":[1,2,3,4],"leaf_weights":[1,1,1,1],"splits":[
{"border":1.5,"float_feature_index":0,"split_index":0,"split_type":"FloatFeature"},
{"border":-2,"float_feature_index":1,"split_index":1,"split_type":"FloatFeature"}]}],
"scale_and_bias":[2,[0.5]]}`

const (
	tree  = `"leaf_values":[1,2,3,4]`
	wide  = `"leaf_values":[1,0,2,0,3,0,4,0.25]`
	loss  = `"type":"RMSE"}}`
	short = `[2,[0.5]]`
)

func TestLosses(t *testing.T) {
	names := func(kind, list string) string {
		return `"type":"` + kind + `"}},"class_params":{"class_names":[` + list + `]}`
	}
	for _, c := range []struct {
		want  string
		parts []string
	}{
		{"prediction[2.5]", nil},
		{"prediction[2.5]", []string{"RMSE", "YetiRank"}},
		{"prediction[2.5]", []string{`{"loss_function":{"params":{},"type":"RMSE"}}`, `"{\"loss_function\":{\"type\":\"MAE\"}}"`}},
		{"prediction[2.5]", []string{"RMSE", "LogLinQuantile"}},
		{"prediction[12.182]", []string{`"params":{"loss_function":{"params":{},"type":"RMSE"}}`, `"loss_function":"{\"type\":\"Poisson\",\"params\":{}}","model0:params":{}`}},
		{"prediction[12.182]", []string{"RMSE", "Poisson"}},
		{"prediction[12.182]", []string{"RMSE", "Tweedie"}},
		{"prediction[2.5]", []string{short, "[2,0.5]"}},
		{"prediction[2 0]", []string{tree, wide, short, "[2,[0,0]]", "RMSE", "MultiRMSE"}},
		{"prediction[2.5 0.5]", []string{tree, wide, "RMSE", "MultiQuantile"}},
		{"prediction[2 1]", []string{tree, wide, short, "[2,[0,0]]", "RMSE", "RMSEWithUncertainty"}},
		{"label[1] probabilities[0.075858 0.92414]", []string{"RMSE", "Logloss"}},
		{"label[1] probabilities[0.075858 0.92414]", []string{"RMSE", "CrossEntropy"}},
		{"label[0] probabilities[0.075858 0.92414]", []string{loss, `"type":"Logloss"}},"binclass_probability_threshold":0.95`}},
		{"label[1] probabilities[0.075858 0.92414]", []string{loss, `"type":"Logloss"}},"binclass_probability_threshold":"0.9"`}},
		{"label[7] probabilities[0.075858 0.92414]", []string{loss, names("Logloss", "-3,7")}},
		{"label[ja] probabilities[0.075858 0.92414]", []string{loss, names("Logloss", `"nein","ja"`)}},
		{"label[1] probabilities[0.075858 0.92414]", []string{loss, names("Logloss", "false,true")}},
		{"label[1.5] probabilities[0.075858 0.92414]", []string{loss, names("Logloss", "1,1.5")}},
		{"label[a] probabilities[0.8808 0.1192]", []string{tree, wide, short, "[2,[0,0]]", loss, names("MultiClass", `"a","b"`)}},
		{"label[0] probabilities[0.8808 0.5]", []string{tree, wide, short, "[2,[0,0]]", "RMSE", "MultiClassOneVsAll"}},
		{"label[1 0] probabilities[0.8808 0.5]", []string{tree, wide, short, "[2,[0,0]]", "RMSE", "MultiLogloss"}},
	} {
		p, err := catboost.Parse(stump.Change(t, small, c.parts...))
		if err != nil {
			t.Errorf("%v: %v", c.parts, err)
			continue
		}
		if got := stump.Run(t, p, 0, -3); got != c.want {
			t.Errorf("%v: %s, want %s", c.parts, got, c.want)
		}
	}
}

// TestSplits checks bits, borders and NaN; a leaf's value times 2 plus 0.5.
func TestSplits(t *testing.T) {
	nan := math.NaN()
	from, to := strings.Index(small, `"oblivious_trees"`), strings.Index(small, `"scale_and_bias"`)
	nested := `"trees":[{"split":{"border":1.5,"float_feature_index":0,"split_type":"FloatFeature"},
	"left":{"value":1,"weight":1},"right":{"left":{"value":3},"right":{"value":4},"split":{"border":-2,"float_feature_index":1,"split_type":"FloatFeature"}}}],`
	for _, c := range []struct {
		want  string
		row   []float64
		parts []string
	}{
		{"prediction[2.5]", []float64{1.5, -2}, nil},
		{"prediction[4.5]", []float64{float64(math.Nextafter32(1.5, 2)), -2}, nil},
		{"prediction[6.5]", []float64{1.5, -1}, nil},
		{"prediction[8.5]", []float64{9, 9}, nil},
		{"prediction[2.5]", []float64{nan, nan}, nil},
		{"prediction[8.5]", []float64{nan, nan}, []string{"AsIs", "AsTrue", "AsFalse", "AsTrue"}},
		{"prediction[4.5]", []float64{0, 9, -3}, []string{`"flat_feature_index":0`, `"flat_feature_index":1`, `"flat_feature_index":1,"has_nans":true`, `"flat_feature_index":2,"has_nans":true`}},
		{"prediction[2.5]", []float64{0, 9}, []string{small[from:to], nested}},
		{"prediction[6.5]", []float64{2, -2}, []string{small[from:to], nested}},
		{"prediction[8.5]", []float64{2, 0}, []string{small[from:to], nested}},
		{"prediction[0.5]", []float64{2, 0}, []string{small[from:to], ""}},
		{"prediction[10.5]", []float64{2, 0}, []string{small[from:to], `"oblivious_trees":[{"leaf_values":[5],"splits":null}],`}},
	} {
		p, err := catboost.Parse(stump.Change(t, small, c.parts...))
		if err != nil {
			t.Errorf("%v: %v", c.parts, err)
			continue
		}
		if got := stump.Run(t, p, c.row...); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.row, c.parts, got, c.want)
		}
	}
}

// TestHashes compares with hashes that CatBoost 1.2.10 wrote into models, for
// every length that CityHash treats in its own way.
func TestHashes(t *testing.T) {
	r := strings.Repeat
	for text, hash := range map[string]int32{
		"5": -1280163355, "ab": -204718274, "abcd": 345588365, "日本": -1840338719, "abcdefgh": -24192233, "São Paulo": 607502683,
		"0123456789": 2060700213, r("x", 16): 2067776764, r("y", 17): 782355611, r("q", 32): -1539303109, r("w", 33) + "é": -936558902,
		r("e", 64): -1703005908, r("r", 65): 1172359415, r("t", 130): -1117674463, r("u", 200): 787658073, "Porto": 524053288,
	} {
		p, err := catboost.Parse(stump.Change(t, small,
			`"features_info":{`, `"features_info":{"categorical_features":[{"feature_index":0,"feature_name":"c","flat_feature_index":2,"values":[1]}],`,
			`{"border":-2,"float_feature_index":1,"split_index":1,"split_type":"FloatFeature"}`,
			fmt.Sprintf(`{"cat_feature_index":0,"split_index":1,"split_type":"OneHotFeature","value":%d}`, hash)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, in := range p.Inputs {
			names = append(names, in.Name)
		}
		if diff := cmp.Diff([]string{"f0", "f1", "c"}, names); diff != "" {
			t.Error(diff)
		}
		for given, want := range map[string]float64{text: 6.5, text + "?": 2.5, "": 2.5} {
			r := p.NewRun()
			for i := range p.Inputs {
				r.Input(i).Resize(p.Inputs[i].Type, 1, 1)
			}
			r.Input(0).F32[0], r.Input(1).F32[0], r.Input(2).Str[0] = 0, 0, given
			if err := r.Execute(); err != nil {
				t.Fatal(err)
			}
			if got := r.Output(0).F64[0]; got != want {
				t.Errorf("%q where %q is asked for: %v, want %v", given, text, got, want)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	from, to := strings.Index(small, `"oblivious_trees"`), strings.Index(small, `"scale_and_bias"`)
	for _, c := range []struct {
		want  string
		parts []string
	}{
		{"have no such loss function", []string{"RMSE", "Unheard"}},
		{"tree 0 asks a split of type OnlineCtr", []string{`"split_type":"FloatFeature"`, `"split_type":"OnlineCtr"`}},
		{"one_hot_max_size", []string{`"float_feature_index":1,"split_index":1,"split_type":"FloatFeature"`, `"split_index":1,"split_type":"OnlineCtr"`}},
		{"names no loss function", []string{`"params":{"loss_function":{"params":{},"type":"RMSE"}}`, `"model0:params":{}`}},
		{"text_features", []string{`"features_info":{`, `"features_info":{"text_features":[{}],`}},
		{"tree 0 has a split without type or feature", []string{`"float_feature_index":1,`, ``}},
		{"feature 5 of 2", []string{`"float_feature_index":1,`, `"float_feature_index":5,`}},
		{"feature 0 of 0", []string{`"float_feature_index":1,"split_index":1,"split_type":"FloatFeature"`, `"cat_feature_index":0,"split_type":"OneHotFeature","value":1`}},
		{"is no hash", []string{`"float_feature_index":1,"split_index":1,"split_type":"FloatFeature"`, `"cat_feature_index":0,"split_type":"OneHotFeature","value":1e10`}},
		{"tree 0 has 2 values for 4 leaves", []string{tree, `"leaf_values":[1,2]`}},
		{"tree 0 has 0 values for 4 leaves", []string{tree, `"leaf_values":[]`}},
		{"RMSE with 2 dimensions", []string{tree, wide}},
		{"a mean and a deviation in 1", []string{"RMSE", "RMSEWithUncertainty"}},
		{"2 base values for 1 targets", []string{short, "[2,[0,0]]"}},
		{"unknown nan_value_treatment", []string{"AsIs", "AsWas"}},
		{"feature 1 is number 7", []string{`"feature_index":1`, `"feature_index":7`}},
		{"column -1", []string{`"flat_feature_index":1,`, ""}},
		{"two features are column 0", []string{`"flat_feature_index":1`, `"flat_feature_index":0`}},
		{"where a number", []string{`"flat_feature_index":1`, `"flat_feature_index":1.5`}},
		{"without features", []string{small[strings.Index(small, `"float_features"`):strings.Index(small, `},
"model_info"`)], "", small[from:to], ""}},
		{"class names for", []string{loss, `"type":"Logloss"}},"class_params":{"class_names":[1,2,3]}`}},
		{"class names for", []string{loss, `"type":"Logloss"}},"class_params":{"class_names":[1,"a"]}`}},
		{"neither text", []string{loss, `"type":"Logloss"}},"class_params":{"class_names":[null]}`}},
		{"binclass_probability_threshold is 1", []string{loss, `"type":"Logloss"}},"binclass_probability_threshold":1`}},
		{"tree 0 has a node that is neither a split", []string{small[from:to], `"trees":[{}],`}},
		{"tree 1 has a node that is neither a split", []string{small[from:to], `"trees":[{"value":1},{"value":[1,2]}],`}},
		{"neither a split", []string{small[from:to], `"trees":[{"split":{"border":1,"float_feature_index":0,"split_type":"FloatFeature"},"left":{"value":1}}],`}},
	} {
		stump.Refused(t, catboost.Parse, stump.Change(t, small, c.parts...), c.want)
	}
	stump.Cut(t, catboost.Parse, small, len(small))
}

// TestLimits goes one beyond each limit.
func TestLimits(t *testing.T) {
	from, to := strings.Index(small, `"oblivious_trees"`), strings.Index(small, `"scale_and_bias"`)
	nested, split := modelfile.MaxNesting-1, `{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}`
	for _, c := range []struct {
		want  string
		parts []string
	}{
		{"levels of nesting", []string{small[from:to], `"trees":[` + strings.Repeat(`{"left":`, nested) + "1" + strings.Repeat("}", nested) + "],"}},
		{"tree 0 has 17 levels", []string{small[from:to], `"oblivious_trees":[{"leaf_values":[1],"splits":[` +
			strings.Repeat(split+",", modelfile.MaxLevels) + split + "]}],"}},
		{"tree 0 has leaves of 65537 values", []string{small[from:to], `"oblivious_trees":[{"leaf_values":[` +
			strings.Repeat("1,", modelfile.MaxTargets) + `1],"splits":null}],`}},
		{"65537 columns in a file of", []string{`"flat_feature_index":1`, `"flat_feature_index":65536`}},
		{"1048576 where a number up to 1048575", []string{`"flat_feature_index":1`, `"flat_feature_index":1048576`}},
	} {
		stump.Limited(t, catboost.Parse, stump.Change(t, small, c.parts...), c.want)
	}
}

func TestSniff(t *testing.T) {
	for text, want := range map[string]bool{
		small: true, `{"learner":{}}`: false, `{"version":[1],"learner":{},"trees":[]}`: false, `{"a":{},"trees":[]}`: true, `{`: false, "": false,
	} {
		if got := catboost.Sniff([]byte(text)); got != want {
			t.Errorf("%.30q: %v, want %v", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	stump.Fuzz(f, catboost.Parse, small, "../testdata/golden/cb_*/model.json")
}
