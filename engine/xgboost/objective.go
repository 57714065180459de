package xgboost

import (
	"fmt"
	"math"
	"strings"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
)

// space is where base_score lives: what leads from it to the sums.
type space uint8

const (
	asSum   space = iota
	asShare       // a probability: its logit
	asExp         // its logarithm
	asSteps       // the first value, then inverted steps (expectiles)
)

// setObjective sets the link, the task and the base values.
//
// Classifiers answer as XGBClassifier does: its label is 1 where Booster.predict
// gives more than 0.5, whatever that is (for binary:logitraw the sum itself).
func (m *model) setObjective(s *forest.Spec) error {
	from := asSum
	s.Task = forest.Regression
	switch m.objective {
	case "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
		"rank:pairwise", "rank:ndcg", "rank:map":
	case "reg:quantileerror":
		if m.since(3, 5) { // crossing quantiles are put in order from then on
			s.Link.Kind = forest.Sorted
		}
	case "reg:expectileerror":
		s.Link.Kind, from = forest.Cumulative, asSteps
	case "reg:logistic":
		s.Link.Kind, from = forest.Logistic, asShare
	case "binary:logistic":
		s.Task, s.Link.Kind, from = forest.Binary, forest.Logistic, asShare
	case "binary:logitraw":
		s.Task, s.Decide = forest.Binary, forest.BySum
		if m.since(3, 5) { // predict_proba gives 1-s and s before, probabilities from then on
			s.Link.Kind = forest.Logistic
		}
	case "binary:hinge":
		s.Task, s.Link.Kind = forest.Binary, forest.Step
	case "multi:softprob", "multi:softmax":
		s.Task, s.Link.Kind = forest.Multiclass, forest.Softmax
		if s.Targets < 2 {
			return m.damaged("objective %s with %d classes", m.objective, m.params.classes)
		}
	case "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft":
		s.Link.Kind, from = forest.Exp, asExp
	default:
		return &modelfile.UnsupportedError{Format: m.format, Op: m.objective, Reason: "XGBoost 1.0 to 3.4 have no such objective, so that what its sums mean is not known"}
	}
	switch {
	case s.Task == forest.Multiclass:
		s.Classes = forest.Counted(s.Targets)
	case s.Task == forest.Binary && s.Targets == 1:
		s.Classes = forest.Counted(2)
	case s.Task == forest.Binary:
		s.Task = forest.Multilabel
	}
	m.wrapper.classify(s)
	var err error
	if s.Base, err = m.baseValues(s.Targets, from); err != nil {
		return err
	}
	return nil
}

// since reports whether the file was written by a version or a later one.
func (m *model) since(major, minor int32) bool {
	return m.version[0] > major || m.version[0] == major && m.version[1] >= minor
}

// baseValues reads base_score: "5E-1", or "[1E-1,2E-1]" with one value or one
// for each output.
func (m *model) baseValues(targets int, from space) ([]float64, error) {
	text := strings.TrimSpace(m.params.base)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	parts := strings.Split(text, ",")
	if len(parts) != 1 && len(parts) != targets {
		return nil, m.damaged("base_score has %d values for %d outputs", len(parts), targets)
	}
	base := make([]float64, targets)
	for i := range base {
		if i >= len(parts) {
			base[i] = base[0]
			continue
		}
		part := strings.TrimSpace(parts[i])
		v, n := scan.ParseNumber([]byte(part))
		if n == 0 || n != len(part) {
			return nil, m.damaged("base_score %.40q is no number", part)
		}
		base[i] = float64(float32(v))
	}
	switch from {
	case asShare:
		for i, v := range base {
			if v < 0 || v > 1 {
				return nil, m.damaged("base_score %v is no probability", v)
			}
			// As XGBoost does since 2.0, so that 0 and 1 stay finite.
			v = min(max(v, 1e-6), 1-1e-6)
			base[i] = -math.Log(1/v - 1)
		}
	case asExp:
		for i, v := range base {
			base[i] = math.Log(v)
		}
	case asSteps:
		for i := len(base) - 1; i > 0; i-- {
			gap := max(base[i]-base[i-1]-1e-6, 1e-6)
			base[i] = gap + math.Log(-math.Expm1(-gap))
		}
	}
	return base, nil
}

func (m *model) damaged(format string, args ...any) error {
	return &modelfile.FormatError{Format: m.format, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}
