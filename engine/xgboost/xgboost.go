// Package xgboost reads the models that XGBoost saves as JSON and as UBJSON,
// of versions 1.0 to 3.4.
//
// Both encodings hold the same document, whose schema XGBoost publishes
// (doc/model.schema and the tutorial "Introduction to Model IO"); what numbers
// mean was read in its sources, which are named where a rule is not obvious.
//
//   - A row goes to the left child if value < split_condition in float32, a
//     missing one where default_left says. In a split by categories the listed
//     ones go right (src/common/categorical.h): negative and unlisted ones left.
//   - Tree i adds to output tree_info[i]; dart multiplies it by weight_drop[i].
//     A tree with vector leaves adds to every output.
//   - base_score is text: one number until 2.x, a bracketed list from 3.x. It is
//     in the space of answers, so that a logit or a logarithm may stand between
//     it and the sums.
//   - Early stopping leaves best_iteration and all trees in the file. The
//     scikit-learn wrapper predicts with the rounds up to best_iteration, unless
//     the booster is gblinear, and so does this package. (Booster.predict, the
//     lower interface, uses all rounds.)
//   - A model that XGBClassifier saved answers as one whatever its objective. Class
//     names are in the file until 1.5 alone, and so is, until 1.7, the number that
//     stands for a missing value (the wrapper's parameter missing); files of later
//     versions do not say it, and such cells have to be given as NaN.
//   - Category names, which a data frame brings from 3.1 on, are in cats.enc; a
//     value outside them is refused, as XGBoost refuses it.
package xgboost

import (
	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// ParseJSON reads a model in JSON, and ParseUBJ one in UBJSON.
func ParseJSON(data []byte) (*forest.Plan, error) {
	return parse("xgboost-json", len(data), scan.JSON("xgboost-json", data))
}

// ParseUBJ reads a model in UBJSON.
func ParseUBJ(data []byte) (*forest.Plan, error) {
	return parse("xgboost-ubj", len(data), scan.UBJ("xgboost-ubj", data))
}

func parse(format string, size int, r scan.Reader) (*forest.Plan, error) {
	m := model{format: format, size: size, r: r, best: -1, wrapper: readWrapper(""), params: learnerParams{targets: 1}, parallel: 1}
	m.document()
	r.End()
	if err := r.Err(); err != nil {
		return nil, err
	}
	return m.plan()
}

// model is a file as read.
type model struct {
	format string
	size   int // bytes of the file
	r      scan.Reader

	version   [2]int32
	params    learnerParams
	objective string
	best      int // best_iteration, -1 where there is none
	names     []string
	types     []string
	wrapper   wrapper

	booster  string
	drop     []float64     // weight_drop
	weights  []float32     // of gblinear
	parallel int           // num_parallel_tree
	info     []int32       // tree_info
	rounds   []int32       // iteration_indptr
	cats     []*categories // by column, nil for plain numbers

	spec  tree.Spec
	ends  []treeEnd
	nodes nodeArrays
}

type learnerParams struct {
	base                       string
	classes, features, targets int
	fits                       bool // boost_from_average: base_score is estimated when training begins
}

// treeEnd says how far the spec's arrays reach after a tree, and whether its
// leaves are vectors.
type treeEnd struct {
	nodes, weights int
	vector         bool
}

func (m *model) document() {
	m.r.Object(func(key []byte) {
		switch string(key) {
		case "version":
			v := m.r.Ints(nil)
			copy(m.version[:], v)
		case "learner":
			m.r.Object(m.learner)
		}
	})
}

func (m *model) learner(key []byte) {
	switch string(key) {
	case "attributes":
		m.r.Object(func(key []byte) {
			switch string(key) {
			case "best_iteration":
				m.best = m.bestRound()
			case "scikit_learn":
				m.wrapper = readWrapper(m.r.Text())
			}
		})
	case "feature_names":
		m.names = m.texts()
	case "feature_types":
		m.types = m.texts()
	case "learner_model_param":
		m.r.Object(func(key []byte) {
			switch string(key) {
			case "base_score":
				m.params.base = m.r.Text()
			case "num_class":
				m.params.classes = m.count("num_class")
			case "num_feature":
				m.params.features = m.count("num_feature")
			case "num_target":
				m.params.targets = m.count("num_target")
			case "boost_from_average":
				m.params.fits = m.r.Float() != 0
			}
		})
	case "objective":
		m.r.Object(func(key []byte) {
			if string(key) == "name" {
				m.objective = m.r.Text()
			}
		})
	case "gradient_booster":
		m.r.Object(m.gradientBooster)
	}
}

// bestRound reads best_iteration, which versions until 1.7 write as -1 when no
// round was trained.
func (m *model) bestRound() int {
	v := m.r.Float()
	if v < -1 || v > 1<<31-1 || v != float64(int(v)) {
		m.r.Fail("best_iteration is %v", v)
		return -1
	}
	return int(v)
}

// count reads a number that counts something.
func (m *model) count(what string) int {
	v := m.r.Float()
	if v < 0 || v > 1<<31-1 || v != float64(int(v)) {
		m.r.Fail("%s is %v", what, v)
		return 0
	}
	return int(v)
}

func (m *model) texts() []string {
	var out []string
	m.r.Array(func(int) { out = append(out, m.r.Text()) })
	return out
}

// gradientBooster reads a booster; dart has its trees in a gbtree of its own.
func (m *model) gradientBooster(key []byte) {
	switch string(key) {
	case "name":
		if m.booster = m.r.Text(); m.booster == "gbtree" && m.drop != nil {
			m.booster = "dart"
		}
	case "gbtree":
		m.r.Object(func(key []byte) {
			if string(key) == "model" {
				m.r.Object(m.gbtreeModel)
			}
		})
	case "model":
		m.r.Object(m.gbtreeModel)
	case "weight_drop":
		m.drop = m.r.Floats64(m.drop)
	}
}

func (m *model) gbtreeModel(key []byte) {
	switch string(key) {
	case "weights": // gblinear
		m.weights = m.r.Floats32(m.weights)
	case "gbtree_model_param":
		m.r.Object(func(key []byte) {
			if string(key) == "num_parallel_tree" {
				m.parallel = max(1, m.count("num_parallel_tree"))
			}
		})
	case "tree_info":
		m.info = m.r.Ints(m.info)
	case "iteration_indptr":
		m.rounds = m.r.Ints(m.rounds)
	case "weight_drop":
		m.drop = m.r.Floats64(m.drop)
	case "cats":
		m.categories()
	case "trees":
		m.r.Array(func(int) { m.tree() })
	}
}

// plan makes the model of what was read.
func (m *model) plan() (*forest.Plan, error) {
	spec := forest.Spec{Format: m.format, Type: tensor.Float32, Out: tensor.Float32, Cut: 0.5}
	spec.Targets = max(m.params.classes, m.params.targets, 1)
	if m.params.features > modelfile.MaxColumns || spec.Targets > modelfile.MaxTargets {
		return nil, modelfile.Malformed(m.format, modelfile.Exceeds("%d features and %d outputs, %d and %d are allowed",
			m.params.features, spec.Targets, modelfile.MaxColumns, modelfile.MaxTargets))
	}
	if err := m.setObjective(&spec); err != nil {
		return nil, err
	}
	var err error
	spec.Features, spec.Number = m.params.features, m.wrapper.number()
	if spec.Columns, err = m.columns(); err != nil {
		return nil, err
	}
	switch m.booster {
	case "gbtree", "dart":
		if len(m.ends) == 0 && m.params.fits {
			return nil, &modelfile.UnsupportedError{Format: m.format, Reason: "the model was never trained: it has no trees, and its base_score was to be estimated in training; train it before it is saved"}
		}
		spec.Trees, err = m.ensemble(spec.Targets)
	case "gblinear":
		spec.Linear, err = m.linear(&spec)
	default:
		err = &modelfile.UnsupportedError{Format: m.format, Op: m.booster, Reason: "the boosters that are read are gbtree, dart and gblinear"}
	}
	if err != nil {
		return nil, err
	}
	return forest.New(spec)
}
