package xgboost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/forest"
	"online-inference/engine/internal/stump"
	"online-inference/engine/modelfile"
	"online-inference/engine/xgboost"
)

// model is one of one test, feature 1 < 0.5, with the leaves 1 (yes) and -2
// (no and missing), which other tests change by replacing parts.
const model = `{"version":[3,2,0],"learner":{"attributes":{},"feature_names":[],"feature_types":[],
"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},
"cats":{"enc":[],"feature_segments":[],"sorted_idx":[]},"iteration_indptr":[0,1],"tree_info":[0],
"trees":[{"base_weights":[0,1,-2],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],
"default_left":[0,0,0],"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_conditions":[0.5,1,-2],
"split_indices":[1,0,0],"split_type":[0,0,0],"tree_param":{"num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}]}},
"learner_model_param":{"base_score":"[5E-1]","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},
"objective":{"name":"reg:squarederror"}}}`

// TestObjectives checks link, task and the space of base_score; the sums are
// 1 to the left and -2 to the right before base_score 0.5.
func TestObjectives(t *testing.T) {
	for objective, want := range map[string]string{
		"reg:squarederror":     "prediction[1.5]",
		"reg:linear":           "prediction[1.5]",
		"reg:absoluteerror":    "prediction[1.5]",
		"reg:pseudohubererror": "prediction[1.5]",
		"reg:squaredlogerror":  "prediction[1.5]",
		"reg:quantileerror":    "prediction[1.5]",
		"rank:ndcg":            "prediction[1.5]",
		"rank:map":             "prediction[1.5]",
		"rank:pairwise":        "prediction[1.5]",
		"reg:logistic":         "prediction[0.73106]",
		"binary:logistic":      "label[1] probabilities[0.26894 0.73106]",
		"binary:logitraw":      "label[1] probabilities[-0.5 1.5]",
		"binary:hinge":         "label[1] probabilities[0 1]",
		"count:poisson":        "prediction[1.3591]",
		"reg:gamma":            "prediction[1.3591]",
		"reg:tweedie":          "prediction[1.3591]",
		"survival:cox":         "prediction[1.3591]",
		"survival:aft":         "prediction[1.3591]",
	} {
		p, err := xgboost.ParseJSON(stump.Change(t, model, "reg:squarederror", objective))
		if err != nil {
			t.Errorf("%s: %v", objective, err)
			continue
		}
		if got := stump.Run(t, p, 0, 0.4); got != want {
			t.Errorf("%s: %s, want %s", objective, got, want)
		}
	}
}

// TestSchema checks the forms that versions and boosters write.
func TestSchema(t *testing.T) {
	const tree2 = `"split_type":[0,0,0],"tree_param":{"num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}`
	const params = `"base_score":"[5E-1]","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"`
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		parts []string
		row   []float64
		want  string
	}{
		{"a threshold is left out", nil, []float64{0, 0.5}, "prediction[-1.5]"},
		{"missing to the right", nil, []float64{0, nan}, "prediction[-1.5]"},
		{"missing to the left", []string{`"default_left":[0,`, `"default_left":[1,`}, []float64{0, nan}, "prediction[1.5]"},
		{"booleans", []string{`"default_left":[0,0,0]`, `"default_left":[true,false,false]`}, []float64{0, nan}, "prediction[1.5]"},
		{"base_score of 1.x", []string{`"[5E-1]"`, `"2.5E-1"`}, []float64{0, 0}, "prediction[1.25]"},
		{"without num_target", []string{`,"num_target":"1"`, ""}, []float64{0, 0}, "prediction[1.5]"},
		{"without categories", []string{`"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],`, "", `"split_type":[0,0,0],`, ""}, []float64{0, 0}, "prediction[1.5]"},
		{"dart", []string{`"name":"gbtree","model":{`, `"name":"dart","weight_drop":[0.5],"gbtree":{"name":"gbtree","model":{`, `"1"}}]}},`, `"1"}}]}}},`}, []float64{0, 0}, "prediction[1]"},
		{"dart in gbtree", []string{`"iteration_indptr"`, `"weight_drop":[0.5],"iteration_indptr"`}, []float64{0, 0}, "prediction[1]"},
		{"several classes", []string{params, `"base_score":"[1,2]","num_class":"2","num_feature":"2","num_target":"1"`, "reg:squarederror", "multi:softprob", `"tree_info":[0]`, `"tree_info":[1]`},
			[]float64{0, 0}, "label[1] probabilities[0.1192 0.8808]"},
		{"softmax", []string{params, `"base_score":"5E-1","num_class":"2","num_feature":"2"`, "reg:squarederror", "multi:softmax"}, []float64{0, 9}, "label[1] probabilities[0.1192 0.8808]"},
		{"several targets", []string{params, `"base_score":"[1,2]","num_class":"0","num_feature":"2","num_target":"2"`}, []float64{0, 0}, "prediction[2 2]"},
		{"several labels", []string{params, `"base_score":"[5E-1,5E-1]","num_class":"0","num_feature":"2","num_target":"2"`, "reg:squarederror", "binary:logistic"}, []float64{0, 0}, "label[1 0] probabilities[0.73106 0.5]"},
		{"vector leaves", []string{params, `"base_score":"[1,2]","num_class":"0","num_feature":"2","num_target":"2"`, `"size_leaf_vector":"1"`, `"size_leaf_vector":"2"`,
			`"base_weights":[0,1,-2]`, `"base_weights":[0,0,0,0,0,0],"leaf_weights":[10,20,30,40]`, `"right_children":[2,-1,-1]`, `"right_children":[2,0,1]`}, []float64{0, 0}, "prediction[11 22]"},
		{"vector leaves until 3.0", []string{params, `"base_score":"[1,2]","num_class":"0","num_feature":"2","num_target":"2"`, `"size_leaf_vector":"1"`, `"size_leaf_vector":"2"`,
			`"base_weights":[0,1,-2]`, `"base_weights":[0,0,10,20,30,40]`}, []float64{0, 9}, "prediction[31 42]"},
		{"crossing quantiles", []string{params, `"base_score":"[1,0]","num_class":"0","num_feature":"2","num_target":"2"`, "squarederror", "quantileerror"}, []float64{0, 0}, "prediction[2 0]"},
		{"crossing quantiles in order", []string{params, `"base_score":"[1,0]","num_class":"0","num_feature":"2","num_target":"2"`, "squarederror", "quantileerror", "[3,2,0]", "[3,5,0]"}, []float64{0, 0}, "prediction[0 2]"},
		{"expectiles", []string{params, `"base_score":"[1,3]","num_class":"0","num_feature":"2","num_target":"2"`, "squarederror", "expectileerror"}, []float64{0, 0}, "prediction[2 4]"},
		{"raw logits of 3.5", []string{"[3,2,0]", "[3,5,0]", "reg:squarederror", "binary:logitraw"}, []float64{0, 0}, "label[1] probabilities[0.18243 0.81757]"},
		{"categories", []string{`"split_type":[0,`, `"split_type":[1,`, `"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]`,
			`"categories":[0,33],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[2]`}, []float64{0, 33}, "prediction[-1.5]"},
		{"best iteration", []string{`"attributes":{}`, `"attributes":{"best_iteration":"0"}`, `"tree_info":[0]`, `"tree_info":[0,0]`, "[0,1]", "[0,1,2]",
			tree2, tree2 + `,{"default_left":[0],"left_children":[-1],"right_children":[-1],"split_conditions":[100],"split_indices":[0]}`}, []float64{0, 0}, "prediction[1.5]"},
		{"best iteration of 1.x", []string{`"attributes":{}`, `"attributes":{"best_iteration":"0"}`, `"tree_info":[0]`, `"tree_info":[0,0]`, `"iteration_indptr":[0,1],`, "",
			tree2, tree2 + `,{"default_left":[0],"left_children":[-1],"right_children":[-1],"split_conditions":[100],"split_indices":[0]}`}, []float64{0, 0}, "prediction[1.5]"},
		{"best iteration of no rounds", []string{`"attributes":{}`, `"attributes":{"best_iteration":"-1"}`}, []float64{0, 0}, "prediction[1.5]"},
		{"no best iteration", []string{`"tree_info":[0]`, `"tree_info":[0,0]`, "[0,1]", "[0,1,2]",
			tree2, tree2 + `,{"default_left":[0],"left_children":[-1],"right_children":[-1],"split_conditions":[100],"split_indices":[0]}`}, []float64{0, 0}, "prediction[101.5]"},
	} {
		p, err := xgboost.ParseJSON(stump.Change(t, model, c.parts...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := stump.Run(t, p, c.row...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestWrapper checks what the scikit-learn wrapper leaves in the file: that it
// was a classifier, and in files of 1.x its classes and the number that stands for
// missing values. The sums are 1.5 to the left, -1.5 to the right.
func TestWrapper(t *testing.T) {
	for _, c := range []struct {
		attribute, objective string
		row                  []float64
		want                 string
	}{
		{`{"_estimator_type": "classifier"}`, "reg:logistic", []float64{0, 0}, "label[1] probabilities[0.26894 0.73106]"},
		{`{"_estimator_type": "classifier"}`, "reg:squarederror", []float64{0, 9}, "label[0] probabilities[2.5 -1.5]"},
		{`{"_estimator_type": "regressor"}`, "reg:logistic", []float64{0, 0}, "prediction[0.73106]"},
		{`{"type": "XGBClassifier", "classes_": [5, 7]}`, "binary:logistic", []float64{0, 0}, "label[7] probabilities[0.26894 0.73106]"},
		{`{"type": "XGBClassifier", "classes_": ["a", "b"]}`, "binary:logistic", []float64{0, 9}, "label[a] probabilities[0.8808 0.1192]"},
		{`{"classes_": ["a", 1]}`, "binary:logistic", []float64{0, 0}, "label[1] probabilities[0.26894 0.73106]"},
		{`{"classes_": [0.5, 1.5]}`, "binary:logistic", []float64{0, 0}, "label[1] probabilities[0.26894 0.73106]"},
		{`{"classes_": [4, 5, 6]}`, "binary:logistic", []float64{0, 0}, "label[1] probabilities[0.26894 0.73106]"},
		{`{"classes_": null, "type": 3, "missing": NaN, "kwargs": {}}`, "reg:squarederror", []float64{0, 0}, "prediction[1.5]"},
		{`{"missing": -999}`, "reg:squarederror", []float64{0, -999}, "prediction[-1.5]"},
		{`{"missing": -999}`, "reg:squarederror", []float64{0, -998}, "prediction[1.5]"},
		{`{"missing": 0.1}`, "reg:squarederror", []float64{0, 0.1}, "prediction[-1.5]"},
		{`{"missing": "0"}`, "reg:squarederror", []float64{0, 0}, "prediction[1.5]"},
		{`{"missing": 0, `, "reg:squarederror", []float64{0, 0}, "prediction[1.5]"},
		{`any text`, "reg:squarederror", []float64{0, 0}, "prediction[1.5]"},
	} {
		text, err := json.Marshal(c.attribute)
		if err != nil {
			t.Fatal(err)
		}
		p, err := xgboost.ParseJSON(stump.Change(t, model, `"attributes":{}`, `"attributes":{"scikit_learn":`+string(text)+`}`, "reg:squarederror", c.objective))
		if err != nil {
			t.Errorf("%s: %v", c.attribute, err)
			continue
		}
		if got := stump.Run(t, p, c.row...); got != c.want {
			t.Errorf("%s: %s, want %s", c.attribute, got, c.want)
		}
	}
}

func TestLinear(t *testing.T) {
	from, to := strings.Index(model, `"gradient_booster"`), strings.Index(model, `"learner_model_param"`)
	text := model[:from] + `"gradient_booster":{"model":{"boosted_rounds":1,"weights":[2,3,10]},"name":"gblinear"},` + model[to:]
	p, err := xgboost.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for want, row := range map[string][]float64{"prediction[27.5]": {1, 5}, "prediction[12.5]": {1, math.NaN()}} {
		if got := stump.Run(t, p, row...); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, err = xgboost.ParseJSON([]byte(strings.Replace(text, "[2,3,10]", "[2,3]", 1))); err == nil {
		t.Error("two weights for two features and a bias are read")
	}
}

// TestCategories checks category names, among them those that XGBoost 3.1 to
// 3.3 cut short: the text of a file is as long in bytes as the names are in
// characters.
func TestCategories(t *testing.T) {
	enc := func(version string, offsets []int, text string) []byte {
		var bytes []int8
		for _, b := range []byte(text) {
			bytes = append(bytes, int8(b))
		}
		values, err := json.Marshal(bytes)
		if err != nil {
			t.Fatal(err)
		}
		at, err := json.Marshal(offsets)
		if err != nil {
			t.Fatal(err)
		}
		return stump.Change(t, model, "[3,2,0]", version, `"enc":[]`, fmt.Sprintf(`"enc":[{"offsets":[],"values":[]},{"offsets":%s,"values":%s}]`, at, values),
			`"feature_names":[]`, `"feature_names":["a","b"]`)
	}
	for _, c := range []struct {
		version string
		offsets []int
		text    string
		listed  []string           // as all that the column takes
		want    map[string]float64 // NaN where the name is refused
	}{
		{"[3,2,0]", []int{0, 2, 5}, "abcde", []string{"ab", "cde"}, map[string]float64{"ab": 0, "cde": 1, "abc": math.NaN(), "": -1}},
		{"[3,2,0]", []int{0, 2, 2}, "ab", nil, map[string]float64{"": 1}},
		{"[3,2,0]", []int{0, 1, 5}, "xS\xc3\xa3o", nil, map[string]float64{"x": 0, "São": 1, "Sao": math.NaN()}},
		{"[3,2,0]", []int{0, 3, 8}, "S\xc3\xa3oPaul", nil, map[string]float64{"São": 0, "Paulo": 1, "Paul": math.NaN(), "Paulos": math.NaN(), "Sã": 0, "oPaul": 1}},
		{"[3,4,0]", []int{0, 3, 8}, "S\xc3\xa3oPaul", []string{"Sã", "oPaul"}, map[string]float64{"São": math.NaN(), "Sã": 0, "oPaul": 1}},
		{"[3,2,0]", []int{0, 1, 2, 3}, "\xc3\xa9\xc3", nil, map[string]float64{"é": 0, "a": math.NaN()}},
		{"[3,2,0]", []int{0, 2, 4, 5}, "\xc3\xa9\xc3\xa9b", nil, map[string]float64{"éé": 0, "é": math.NaN()}},
	} {
		p, err := xgboost.ParseJSON(enc(c.version, c.offsets, c.text))
		if err != nil {
			t.Fatal(err)
		}
		if p.Inputs[0].Name != "a" || p.Inputs[1].Name != "b" || len(p.Inputs) != 2 {
			t.Fatalf("inputs %+v", p.Inputs)
		}
		var listed []string
		if p.Inputs[1].Categories != nil {
			listed = p.Inputs[1].Categories[0]
		}
		if diff := cmp.Diff(c.listed, listed); diff != "" {
			t.Errorf("%q %v: listed %s", c.text, c.offsets, diff)
		}
		for name, want := range c.want {
			r := p.NewRun()
			r.Input(0).Resize(p.Inputs[0].Type, 1, 1)
			r.Input(1).Resize(p.Inputs[1].Type, 1, 1)
			r.Input(0).F32[0], r.Input(1).Str[0] = 0, name
			err := r.Execute()
			var refused *modelfile.ValueError
			if want != want {
				if !errors.As(err, &refused) {
					t.Errorf("%q %v: %q is taken: %v", c.text, c.offsets, name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%q %v: %v", c.text, c.offsets, err)
				continue
			}
			expect := float32(1.5) // code 0 is less than 0.5
			if want != 0 {
				expect = -1.5
			}
			if got := r.Output(0).F32[0]; got != expect {
				t.Errorf("%q %v: %q gives %v, want code %v", c.text, c.offsets, name, got, want)
			}
		}
	}
	p, err := xgboost.ParseJSON(stump.Change(t, model, `"enc":[]`, `"enc":[{"offsets":[],"values":[]},{"type":12,"values":[7,-1,0]}]`))
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[float64]string{7: "prediction[1.5]", 65535: "prediction[-1.5]", 0: "prediction[-1.5]", math.NaN(): "prediction[-1.5]"} {
		if got := stump.Run(t, p, 0, v); got != want {
			t.Errorf("category %v: %s, want %s", v, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		want  string
		parts []string
	}{
		{"unheard: XGBoost 1.0 to 3.4 have no such objective", []string{"reg:squarederror", "reg:unheard"}},
		{"the boosters that are read", []string{`"name":"gbtree"`, `"name":"forest"`}},
		{"never trained", []string{`"trees":[{`, `"others":[{`, `"tree_info":[0]`, `"tree_info":[]`}},
		{"tests feature 1 of 0", []string{`"num_feature":"2"`, `"num_feature":"0"`}},
		{"num_feature is -1", []string{`"num_feature":"2"`, `"num_feature":"-1"`}},
		{"is no number", []string{`"num_feature":"2"`, `"num_feature":"two"`}},
		{"base_score has 3 values", []string{"[5E-1]", "[1,2,3]"}},
		{"base_score", []string{"[5E-1]", "[x]"}},
		{"base_score", []string{`"base_score":"[5E-1]",`, ""}},
		{"no weight_drop", []string{`"name":"gbtree"`, `"name":"dart"`}},
		{"no tree_info", []string{`"num_target":"1"`, `"num_target":"2"`, `"tree_info":[0],`, ""}},
		{"no probability", []string{"[5E-1]", "[2]", "reg:squarederror", "binary:logistic"}},
		{"with 0 classes", []string{"reg:squarederror", "multi:softprob"}},
		{"arrays of 3, 3, 2", []string{`"split_indices":[1,0,0]`, `"split_indices":[1,0]`}},
		{"arrays of 0", []string{`"left_children":[1,-1,-1]`, `"left_children":[]`}},
		{"children 3 and 2", []string{`"left_children":[1,`, `"left_children":[3,`}},
		{"children 1 and -2", []string{`"right_children":[2,`, `"right_children":[-2,`}},
		{"returns to node 0", []string{`"left_children":[1,`, `"left_children":[0,`}},
		{"tests feature 2", []string{`"split_indices":[1,`, `"split_indices":[2,`}},
		{"tests feature -1", []string{`"split_indices":[1,`, `"split_indices":[-1,`}},
		{"no 32-bit integer", []string{`"split_indices":[1,`, `"split_indices":[1.5,`}},
		{"not listed", []string{`"split_type":[0,`, `"split_type":[1,`}},
		{"starts and", []string{`"categories_nodes":[]`, `"categories_nodes":[0]`}},
		{"by categories 0 to 5", []string{`"categories_nodes":[],"categories_segments":[],"categories_sizes":[]`, `"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[5]`}},
		{"has category -3", []string{`"split_type":[0,`, `"split_type":[1,`, `"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]`, `"categories":[-3],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[1]`}},
		{"2 categories, but its splits up to node 1 have 3: they overlap", []string{`"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]`,
			`"categories":[0,1],"categories_nodes":[0,1],"categories_segments":[0,1],"categories_sizes":[2,1]`}},
		{"4 values for leaves of 4 each, but at least 2 leaves", []string{`"size_leaf_vector":"1"`, `"size_leaf_vector":"4"`,
			`"base_weights":[0,1,-2]`, `"leaf_weights":[10,20,30,40]`, `"right_children":[2,-1,-1]`, `"right_children":[2,0,0]`}},
		{"no values of its own", []string{`"size_leaf_vector":"1"`, `"size_leaf_vector":"2"`}},
		{"adds to target 7", []string{`"tree_info":[0]`, `"tree_info":[7]`}},
		{"1 trees with 2 outputs", []string{`"tree_info":[0]`, `"tree_info":[0,0]`}},
		{"best_iteration 5 of 1 rounds", []string{`"attributes":{}`, `"attributes":{"best_iteration":"5"}`}},
		{"best_iteration 5 of 1 rounds", []string{`"attributes":{}`, `"attributes":{"best_iteration":"5"}`, `"iteration_indptr":[0,1],`, ""}},
		{"best_iteration is -2", []string{`"attributes":{}`, `"attributes":{"best_iteration":"-2"}`}},
		{"ends at tree 9", []string{`"attributes":{}`, `"attributes":{"best_iteration":"0"}`, "[0,1]", "[0,9]"}},
		{"3 names", []string{`"feature_names":[]`, `"feature_names":["a","b","c"]`}},
		{"1 lists of categories", []string{`"enc":[]`, `"enc":[{"offsets":[0,1],"values":[97]}]`}},
		{"from byte 0 to 9", []string{`"enc":[]`, `"enc":[{"offsets":[0,9],"values":[97]},{"offsets":[],"values":[]}]`}},
		{"two features are named", []string{`"enc":[]`, `"enc":[{"offsets":[0,1],"values":[97]},{"offsets":[],"values":[]}]`, `"feature_names":[]`, `"feature_names":["a","a"]`}},
		{"data after the end", []string{`"reg:squarederror"}}}`, `"reg:squarederror"}}} x`}},
	} {
		stump.Refused(t, xgboost.ParseJSON, stump.Change(t, model, c.parts...), c.want)
	}
	stump.Cut(t, xgboost.ParseJSON, model, len(model))
}

// TestLimits goes one beyond each limit, and up to those that cost no memory.
func TestLimits(t *testing.T) {
	const none = `"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]`
	sets := func(nodes int) string { // as many nodes with a set of the highest category
		ones := strings.Repeat("1,", nodes-1) + "1"
		numbers := make([]string, nodes)
		for i := range numbers {
			numbers[i] = fmt.Sprint(i)
		}
		all := strings.Join(numbers, ",")
		return fmt.Sprintf(`"categories":[%s],"categories_nodes":[%s],"categories_segments":[%s],"categories_sizes":[%s]`,
			strings.ReplaceAll(ones, "1", fmt.Sprint(modelfile.MaxCategory-1)), all, all, ones)
	}
	wide := modelfile.MaxSetWords/(modelfile.MaxCategory/32) + 1 // nodes, each of them above the last one, a leaf
	left := fmt.Sprintf("[%s-1]", strings.Repeat(fmt.Sprint(wide, ","), wide))
	zeros := fmt.Sprintf("[%s0]", strings.Repeat("0,", wide))
	for _, c := range []struct {
		want  string
		parts []string
	}{
		{"1048577 features", []string{`"num_feature":"2"`, fmt.Sprintf(`"num_feature":"%d"`, modelfile.MaxColumns+1)}},
		{"65537 outputs", []string{`"num_class":"0"`, fmt.Sprintf(`"num_class":"%d"`, modelfile.MaxTargets+1)}},
		{"tree 0 node 0 has category 16777216", []string{`"split_type":[0,`, `"split_type":[1,`, none, strings.ReplaceAll(sets(1), fmt.Sprint(modelfile.MaxCategory-1), fmt.Sprint(modelfile.MaxCategory))}},
		{"words in a file of ", []string{none, sets(wide), "[1,-1,-1]", left, "[2,-1,-1]", left, "[1,0,0]", zeros, "[0.5,1,-2]", zeros,
			`"default_left":[0,0,0]`, `"default_left":` + zeros, `"split_type":[0,0,0]`, `"split_type":` + strings.ReplaceAll(zeros, "0", "1")}},
	} {
		stump.Limited(t, xgboost.ParseJSON, stump.Change(t, model, c.parts...), c.want)
	}
	for what, parts := range map[string][]string{
		"the highest category": {`"split_type":[0,`, `"split_type":[1,`, none, sets(1)},
		"the most features":    {`"num_feature":"2"`, fmt.Sprintf(`"num_feature":"%d"`, modelfile.MaxColumns)},
	} {
		if _, err := xgboost.ParseJSON(stump.Change(t, model, parts...)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestClaimedFeatures shows that features which a file only counts cost next to
// nothing, and that they are taken like others.
func TestClaimedFeatures(t *testing.T) {
	data := stump.Change(t, model, `"num_feature":"2"`, fmt.Sprintf(`"num_feature":"%d"`, modelfile.MaxColumns))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := xgboost.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<10 {
		t.Errorf("a model of %d features in %d bytes takes %d bytes", modelfile.MaxColumns, len(data), took)
	}
	row := make([]float64, modelfile.MaxColumns)
	row[1] = 0.4
	if got := stump.Run(t, p, row...); got != "prediction[1.5]" {
		t.Error(got)
	}
}

// TestPorts checks what the plan says of its inputs and outputs.
func TestPorts(t *testing.T) {
	p, err := xgboost.ParseJSON(stump.Change(t, model, `"feature_names":[]`, `"feature_names":["age","sex"]`, "reg:squarederror", "binary:logistic"))
	if err != nil {
		t.Fatal(err)
	}
	want := []forest.Port{{Name: "X", Type: 1, Shape: []int{-1, 2}, Columns: []string{"age", "sex"}}}
	if diff := cmp.Diff(want, p.Inputs); diff != "" {
		t.Error(diff)
	}
	want = []forest.Port{
		{Name: "label", Type: 3, Shape: []int{-1}, Role: forest.RoleLabel},
		{Name: "probabilities", Type: 1, Shape: []int{-1, 2}, Role: forest.RoleProbabilities},
	}
	if diff := cmp.Diff(want, p.Outputs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{0, 1}, p.Classes.Ints); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseJSON(f *testing.F) {
	stump.Fuzz(f, xgboost.ParseJSON, model, "../testdata/golden/xgb_*/model.json")
}

func FuzzParseUBJ(f *testing.F) {
	stump.Fuzz(f, xgboost.ParseUBJ, "{L\x00\x00\x00\x00\x00\x00\x00\x07", "../testdata/golden/xgb_*/model.ubj")
}
