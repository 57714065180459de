package xgboost

import (
	"fmt"
	"math"
	"slices"
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

// An objective is one of XGBoost's.
type objective struct {
	forest.Objective
	base space
	// later is the link of files written by 3.5 or later, where that differs:
	// crossing quantiles are put in order, and predict_proba of raw scores gives
	// probabilities instead of 1-s and s.
	later  forest.LinkKind
	decide forest.Decide
}

func objectives() []objective {
	of := func(task forest.Task, link forest.LinkKind, base space, names ...string) (list []objective) {
		for _, o := range forest.Objectives(task, link, names...) {
			list = append(list, objective{Objective: o, base: base, later: link})
		}
		return list
	}
	raw, quantiles := of(forest.Binary, forest.Identity, asSum, "binary:logitraw"), of(forest.Regression, forest.Identity, asSum, "reg:quantileerror")
	raw[0].later, raw[0].decide = forest.Logistic, forest.BySum
	quantiles[0].later = forest.Sorted
	return slices.Concat(
		of(forest.Regression, forest.Identity, asSum, "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
			"reg:absoluteerror", "rank:pairwise", "rank:ndcg", "rank:map"),
		quantiles,
		of(forest.Regression, forest.Cumulative, asSteps, "reg:expectileerror"),
		of(forest.Regression, forest.Logistic, asShare, "reg:logistic"),
		of(forest.Regression, forest.Exp, asExp, "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"),
		of(forest.Binary, forest.Logistic, asShare, "binary:logistic"),
		raw,
		of(forest.Binary, forest.Step, asSum, "binary:hinge"),
		of(forest.Multiclass, forest.Softmax, asSum, "multi:softprob", "multi:softmax"),
	)
}

// Objectives lists what is read, with the links of files before 3.5.
func Objectives() (list []forest.Objective) {
	for _, o := range objectives() {
		list = append(list, o.Objective)
	}
	return list
}

// setObjective sets the link, the task and the base values.
//
// Classifiers answer as XGBClassifier does: its label is 1 where Booster.predict
// gives more than 0.5, whatever that is (for binary:logitraw the sum itself).
func (m *model) setObjective(s *forest.Spec) error {
	list := objectives()
	i := slices.IndexFunc(list, func(o objective) bool { return o.Name == m.objective })
	if i < 0 {
		return &modelfile.UnsupportedError{Format: m.format, Op: m.objective, Reason: "XGBoost 1.0 to 3.4 have no such objective, so that what its sums mean is not known"}
	}
	o := list[i]
	s.Task, s.Link.Kind, s.Decide = o.Task, o.Link, o.decide
	if m.since(3, 5) {
		s.Link.Kind = o.later
	}
	if s.Task == forest.Multiclass && s.Targets < 2 {
		return m.damaged("objective %s with %d classes", m.objective, m.params.classes)
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
	if s.Base, err = m.baseValues(s.Targets, o.base); err != nil {
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
