package lightgbm_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/forest"
	"online-inference/engine/internal/stump"
	"online-inference/engine/lightgbm"
	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// model is one of one test, feature 1 <= 0.5, with the leaves 1 and -2,
// which other tests change by replacing parts.
const model = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=regression
feature_names=a b
feature_infos=[0:1] [0:1]
tree_sizes=1

Tree=0
num_leaves=2
num_cat=0
split_feature=1
split_gain=1
threshold=0.5
decision_type=8
left_child=-1
right_child=-2
leaf_value=1 -2
is_linear=0
shrinkage=1


end of trees

feature_importances:
b=1

parameters:
[categorical_feature: ]
end of parameters

pandas_categorical:null
`

// from is the model from a text on.
func from(text string) string {
	_, after, _ := strings.Cut(model, text)
	return text + after
}

func TestObjectives(t *testing.T) {
	for objective, want := range map[string]string{
		"regression":                         "prediction[-2]",
		"regression sqrt":                    "prediction[-4]",
		"regression_l1":                      "prediction[-2]",
		"huber":                              "prediction[-2]",
		"fair":                               "prediction[-2]",
		"quantile alpha:0.9":                 "prediction[-2]",
		"mape":                               "prediction[-2]",
		"poisson":                            "prediction[0.13534]",
		"gamma":                              "prediction[0.13534]",
		"tweedie tweedie_variance_power:1.5": "prediction[0.13534]",
		"lambdarank":                         "prediction[-2]",
		"rank_xendcg":                        "prediction[-2]",
		"cross_entropy":                      "prediction[0.1192]",
		"cross_entropy_lambda":               "prediction[0.12693]",
		"binary sigmoid:1":                   "label[0] probabilities[0.8808 0.1192]",
		"binary sigmoid:0.5":                 "label[0] probabilities[0.73106 0.26894]",
		"custom":                             "prediction[-2]",
		"":                                   "prediction[-2]",
	} {
		p, err := lightgbm.Parse(stump.Change(t, model, "objective=regression", "objective="+objective))
		if err != nil {
			t.Errorf("%s: %v", objective, err)
			continue
		}
		if got := stump.Run(t, p, 0, 1); got != want {
			t.Errorf("%s: %s, want %s", objective, got, want)
		}
	}
}

// second is a tree of one leaf, which follows the stump's.
const second = "shrinkage=1\n\n\nTree=1\nnum_leaves=1\nnum_cat=0\nleaf_value=10\n\n\n"

func TestSchema(t *testing.T) {
	nan := math.NaN()
	const single = "num_class=1\nnum_tree_per_iteration=1"
	const double = "num_class=2\nnum_tree_per_iteration=2"
	const sets = "num_cat=1\ncat_boundaries=0 2\ncat_threshold=2147483649 2"
	linear := []string{"is_linear=0", "is_linear=1\nleaf_const=5 6\nnum_features=2 0\nleaf_features=0 1 \nleaf_coeff=2 3 "}
	for _, c := range []struct {
		name  string
		parts []string
		row   []float64
		want  string
	}{
		{"on the threshold", nil, []float64{0, 0.5}, "prediction[1]"},
		{"above it", nil, []float64{0, math.Nextafter(0.5, 1)}, "prediction[-2]"},
		{"NaN to the right", nil, []float64{0, nan}, "prediction[-2]"},
		{"NaN to the left", []string{"decision_type=8", "decision_type=10"}, []float64{0, nan}, "prediction[1]"},
		{"none missing: NaN is 0", []string{"decision_type=8", "decision_type=0"}, []float64{0, nan}, "prediction[1]"},
		{"none missing, default left", []string{"decision_type=8", "decision_type=2", "threshold=0.5", "threshold=-1"}, []float64{0, nan}, "prediction[-2]"},
		{"zero missing", []string{"decision_type=8", "decision_type=4"}, []float64{0, 0}, "prediction[-2]"},
		{"zero missing, NaN too", []string{"decision_type=8", "decision_type=4"}, []float64{0, nan}, "prediction[-2]"},
		{"zero missing, left", []string{"decision_type=8", "decision_type=6", "threshold=0.5", "threshold=-1"}, []float64{0, -1e-36}, "prediction[1]"},
		{"zero missing, another number", []string{"decision_type=8", "decision_type=4"}, []float64{0, -3}, "prediction[1]"},
		{"without decision_type", []string{"decision_type=8\n", ""}, []float64{0, nan}, "prediction[1]"},
		{"beside zero, below", []string{"threshold=0.5", "threshold=-1.0000000180025095e-35"}, []float64{0, -1.0000000180025095e-35}, "prediction[-2]"},
		{"beside zero, farther below", []string{"threshold=0.5", "threshold=-1.0000000180025095e-35"}, []float64{0, -1.0000000180025097e-35}, "prediction[1]"},
		{"beside zero, above", []string{"threshold=0.5", "threshold=0"}, []float64{0, 1.0000000180025095e-35}, "prediction[1]"},
		{"a member", []string{"decision_type=8", "decision_type=1", "num_cat=0", sets, "threshold=0.5", "threshold=0"}, []float64{0, 33.7}, "prediction[1]"},
		{"member zero from below", []string{"decision_type=8", "decision_type=1", "num_cat=0", sets, "threshold=0.5", "threshold=0"}, []float64{0, -0.9}, "prediction[1]"},
		{"no member", []string{"decision_type=8", "decision_type=1", "num_cat=0", sets, "threshold=0.5", "threshold=0"}, []float64{0, 32}, "prediction[-2]"},
		{"no category", []string{"decision_type=8", "decision_type=1", "num_cat=0", sets, "threshold=0.5", "threshold=0"}, []float64{0, nan}, "prediction[-2]"},
		{"linear leaf", linear, []float64{10, 0.25}, "prediction[25.75]"},
		{"linear leaf with NaN", linear, []float64{nan, 0.25}, "prediction[1]"},
		{"linear leaf without features", linear, []float64{nan, 9}, "prediction[6]"},
		{"two trees", []string{"shrinkage=1\n", second}, []float64{0, 0}, "prediction[11]"},
		{"random forest", []string{"shrinkage=1\n", second, "objective=", "average_output\nobjective="}, []float64{0, 0}, "prediction[5.5]"},
		{"random forest of classes", []string{"shrinkage=1\n", second, single, double, "objective=regression", "average_output\nobjective=multiclass num_class:2"}, []float64{0, 0}, "label[1] probabilities[0.00012339 0.99988]"},
		{"one against all", []string{"shrinkage=1\n", second, single, double, "objective=regression", "objective=multiclassova num_class:2 sigmoid:0.1"}, []float64{0, 0}, "label[1] probabilities[0.52498 0.73106]"},
		{"a custom objective of two", []string{"shrinkage=1\n", second, single, double, "objective=regression", "objective=custom"}, []float64{0, 0}, "prediction[1 10]"},
		{"lines end with \\r\\n", []string{"\n", "\r\n"}, []float64{0, 0}, "prediction[1]"},
		{"no trees", []string{model[strings.Index(model, "Tree=0"):strings.Index(model, "end of trees")], ""}, []float64{0, 0}, "prediction[0]"},
	} {
		p, err := lightgbm.Parse(stump.Change(t, model, c.parts...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := stump.Run(t, p, c.row...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestCategories checks the values of data frames: which columns they belong
// to, texts, numbers, and values that are not listed.
func TestCategories(t *testing.T) {
	const frame = "pandas_categorical:null"
	p, err := lightgbm.Parse(stump.Change(t, model, frame, `pandas_categorical:[["ü","x"]]`, "feature_infos=[0:1] [0:1]", "feature_infos=[0:1] -1:0:1"))
	if err != nil {
		t.Fatal(err)
	}
	want := []forest.Port{{Name: "a", Type: 2, Shape: []int{-1, 1}}, {Name: "b", Type: 7, Shape: []int{-1, 1}, Missing: true}}
	if diff := cmp.Diff(want, p.Inputs); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]float64{"ü": 1, "x": -2, "never": -2, "": -2} {
		r := p.NewRun()
		r.Input(0).Resize(p.Inputs[0].Type, 1, 1)
		r.Input(1).Resize(p.Inputs[1].Type, 1, 1)
		r.Input(0).F64[0], r.Input(1).Str[0] = 0, text
		if err := r.Execute(); err != nil {
			t.Fatal(err)
		}
		if got := r.Output(0).F64[0]; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	p, err = lightgbm.Parse(stump.Change(t, model, frame, `pandas_categorical:[[7, -3.5, true]]`, "[categorical_feature: ]", "[categorical_feature: 1]"))
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[float64]string{7: "prediction[1]", -3.5: "prediction[-2]", 1: "prediction[-2]", 0: "prediction[-2]", math.NaN(): "prediction[-2]"} {
		if got := stump.Run(t, p, 0, v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	// A category that is ordered is a number for LightGBM, and no parameter names it.
	for infos, want := range map[string]int{"[-2:1] [0:1]": 1, "[0:1] [0.5:1]": 0, "[0:1] [0:2]": 0, "[0:2] none": 1, "[0:1] none": -1, "[0:1] [0:1]": -1, "[2:9] [0:2]": -1} {
		p, err := lightgbm.Parse(stump.Change(t, model, frame, `pandas_categorical:[["s","m"]]`, "[0:1] [0:1]", infos))
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "which columns they belong to") {
				t.Errorf("%s: %v", infos, err)
			}
			continue
		}
		if err != nil || p.Inputs[want].Type != tensor.String || p.Inputs[1-want].Type != tensor.Float64 {
			t.Errorf("%s: %v, want the list at column %d", infos, err, want)
		}
	}
	// Codes beyond the list show that a column that was named is not the list's.
	p, err = lightgbm.Parse(stump.Change(t, model, frame, `pandas_categorical:[["s","m"]]`, "[0:1] [0:1]", "[0:1] 0:1:2:3", "[categorical_feature: ]", "[categorical_feature: 1]"))
	if err != nil || p.Inputs[0].Type != tensor.String {
		t.Errorf("a list of two beside four codes: %v", err)
	}
	for text, want := range map[string]string{
		`[["a"],["b"]]`: "which columns", `[["a", 1]]`: "both texts and numbers", `[[null]]`: "neither text nor number", `[["a"]`: "is missing",
	} {
		_, err := lightgbm.Parse(stump.Change(t, model, frame, "pandas_categorical:"+text, "feature_infos=[0:1] [0:1]", "feature_infos=[0:1] -1:0:1"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	const sets = "num_cat=1\ncat_boundaries=0 2\ncat_threshold=1 2"
	for _, c := range []struct {
		want  string
		parts []string
	}{
		{"so that what its sums mean is not known", []string{"objective=regression", "objective=unheard"}},
		{"2 trees in an iteration", []string{"num_tree_per_iteration=1", "num_tree_per_iteration=2"}},
		{"with 1 trees in an iteration and 3 classes", []string{"num_class=1", "num_class=3", "objective=regression", "objective=multiclass num_class:3"}},
		{"has sigmoid", []string{"objective=regression", "objective=binary sigmoid:-1"}},
		{"has sigmoid", []string{"objective=regression", "objective=binary sigmoid:"}},
		{"no max_feature_idx", []string{"max_feature_idx=1\n", ""}},
		{"max_feature_idx is", []string{"max_feature_idx=1", "max_feature_idx=x"}},
		{"no feature_names", []string{"feature_names=a b\n", ""}},
		{"2 feature names for 3", []string{"max_feature_idx=1", "max_feature_idx=2"}},
		{"1 trees, 2 in an iteration", []string{"num_tree_per_iteration=1", "num_tree_per_iteration=2", "objective=regression", "objective=custom"}},
		{"ends within its head", []string{from("Tree=0"), ""}},
		{"ends within its trees", []string{from("end of trees"), ""}},
		{"between trees", []string{"end of trees", "nonsense"}},
		{"num_leaves is", []string{"num_leaves=2", "num_leaves=-2"}},
		{"3 leaves and 2 leaf values", []string{"num_leaves=2", "num_leaves=3"}},
		{"0 leaves", []string{"num_leaves=2", "num_leaves=0"}},
		{"2 leaves and 1, 1, 0, 1 and 1", []string{"split_feature=1", "split_feature="}},
		{"returns to node 0", []string{"left_child=-1", "left_child=0"}},
		{"children 1 and -2", []string{"left_child=-1", "left_child=1"}},
		{"children -3 and -2", []string{"left_child=-1", "left_child=-3"}},
		{"no 32-bit integer", []string{"left_child=-1", "left_child=1.5"}},
		{"no 32-bit integer", []string{"left_child=-1", "left_child=nan"}},
		{"is no number", []string{"threshold=0.5", "threshold=0.5x"}},
		{"tests feature 2 of 2", []string{"split_feature=1", "split_feature=2"}},
		{"tree 0 node 0 has decision type 12", []string{"decision_type=8", "decision_type=12"}},
		{"tree 0 node 0 tests set 0.5 of 0", []string{"decision_type=8", "decision_type=1"}},
		{"tests set 1 of 1", []string{"decision_type=8", "decision_type=1", "num_cat=0", sets, "threshold=0.5", "threshold=1"}},
		{"1 sets with 2 bounds in 1 words", []string{"num_cat=0", "num_cat=1\ncat_boundaries=0 2\ncat_threshold=1"}},
		{"1 sets with 2 bounds", []string{"num_cat=0", "num_cat=1\ncat_boundaries=2 0\ncat_threshold=1 1"}},
		{"1 sets with 0 bounds", []string{"num_cat=0", "num_cat=1"}},
		{"no 32-bit integer", []string{"num_cat=0", "num_cat=1\ncat_boundaries=0 1\ncat_threshold=-1"}},
		{"tree 0 is linear; for 2 leaves", []string{"is_linear=0", "is_linear=1"}},
		{"tree 0 leaf 1 has 3 features of 0", []string{"is_linear=0", "is_linear=1\nleaf_const=5 6\nnum_features=1 3\nleaf_features=0\nleaf_coeff=2"}},
		{"reads feature 2", []string{"is_linear=0", "is_linear=1\nleaf_const=5 6\nnum_features=1 0\nleaf_features=2\nleaf_coeff=2"}},
	} {
		stump.Refused(t, lightgbm.Parse, stump.Change(t, model, c.parts...), c.want)
	}
	stump.Cut(t, lightgbm.Parse, model, strings.Index(model, "end of trees"))
}

// TestLimits goes one beyond each limit.
func TestLimits(t *testing.T) {
	for part, most := range map[string]int{"max_feature_idx": modelfile.MaxColumns - 1, "num_tree_per_iteration": modelfile.MaxTargets} {
		data := stump.Change(t, model, part+"=1", fmt.Sprintf("%s=%d", part, most+1))
		stump.Limited(t, lightgbm.Parse, data, fmt.Sprintf("%d are allowed", most+map[string]int{"max_feature_idx": 1}[part]))
	}
}

func FuzzParse(f *testing.F) {
	stump.Fuzz(f, lightgbm.Parse, model, "../testdata/golden/lgb_*/model.txt")
}
