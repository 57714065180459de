package lightgbm

import (
	"slices"
	"strings"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
)

// Objectives lists what is read. "custom" stands for a file that names none.
func Objectives() []forest.Objective {
	return slices.Concat(
		forest.Objectives(forest.Regression, forest.Identity, append(withRoots(), "lambdarank", "rank_xendcg", none, custom)...),
		forest.Objectives(forest.Regression, forest.Exp, "poisson", "gamma", "tweedie"),
		forest.Objectives(forest.Regression, forest.Logistic, "cross_entropy"),
		forest.Objectives(forest.Regression, forest.Softplus, "cross_entropy_lambda"),
		forest.Objectives(forest.Binary, forest.Logistic, "binary"),
		forest.Objectives(forest.Multiclass, forest.Softmax, "multiclass"),
		forest.Objectives(forest.Multiclass, forest.Logistic, "multiclassova"), // each for itself: they need not add up to 1
	)
}

// The objectives whose models may have any number of targets.
const (
	none   = "none"
	custom = "custom"
)

// setObjective sets the task and the link (ConvertOutput in src/objective). A
// classifier's label is the class of the largest probability, the first of
// equals, as LGBMClassifier chooses it; the file holds no class names, so that
// classes are 0 to n-1. A model of no or a custom objective answers with its
// sums.
func (f *file) setObjective(s *forest.Spec) error {
	name := custom
	var options []string
	if len(f.objective) > 0 {
		name, options = f.objective[0], f.objective[1:]
	}
	o, known := forest.Find(Objectives(), name)
	if !known {
		return &modelfile.UnsupportedError{Format: formatName, Op: name, Reason: "LightGBM 2.2 to 4.7 have no such objective, so that what its sums mean is not known"}
	}
	s.Task, s.Link.Kind = o.Task, o.Link
	targets := 1
	switch {
	case name == none || name == custom:
		targets = f.each
	case s.Task == forest.Binary:
		s.Cut, s.Classes = 0.5, forest.Counted(2)
	case s.Task == forest.Multiclass:
		targets = max(f.classes, 1)
		s.Classes = forest.Counted(targets)
	case slices.Contains(withRoots(), name) && slices.Contains(options, "sqrt"):
		s.Link.Kind = forest.SignedSquare
	}
	if f.each != targets {
		return damaged("objective %s with %d trees in an iteration and %d classes", name, f.each, f.classes)
	}
	if name == "binary" || name == "multiclassova" {
		for _, option := range options {
			v, ok := strings.CutPrefix(option, "sigmoid:")
			if !ok {
				continue
			}
			slope, n := scan.ParseNumber([]byte(v))
			if n == 0 || n != len(v) || slope <= 0 || slope != slope {
				return damaged("objective %s has sigmoid %.40q", name, v)
			}
			s.Link.Slope = slope
		}
	}
	return nil
}

// withRoots are the objectives with the setting reg_sqrt, which trains on roots of
// the labels.
func withRoots() []string {
	return []string{"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
}
