package lightgbm

import (
	"slices"
	"strings"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
)

// setObjective sets the task and the link (ConvertOutput in src/objective). A
// classifier's label is the class of the largest probability, the first of
// equals, as LGBMClassifier chooses it; the file holds no class names, so that
// classes are 0 to n-1. A model of no or a custom objective answers with its
// sums.
func (f *file) setObjective(s *forest.Spec) error {
	name := "custom"
	var options []string
	if len(f.objective) > 0 {
		name, options = f.objective[0], f.objective[1:]
	}
	s.Task = forest.Regression
	targets := 1
	switch name {
	case "regression", "regression_l1", "huber", "fair", "quantile", "mape":
		if slices.Contains(options, "sqrt") {
			s.Link.Kind = forest.SignedSquare
		}
	case "poisson", "gamma", "tweedie":
		s.Link.Kind = forest.Exp
	case "lambdarank", "rank_xendcg":
	case "cross_entropy":
		s.Link.Kind = forest.Logistic
	case "cross_entropy_lambda":
		s.Link.Kind = forest.Softplus
	case "binary":
		s.Task, s.Link.Kind = forest.Binary, forest.Logistic
		s.Cut, s.Classes = 0.5, forest.Counted(2)
	case "multiclass", "multiclassova":
		s.Task, s.Link.Kind = forest.Multiclass, forest.Softmax
		if name == "multiclassova" {
			s.Link.Kind = forest.Logistic // each for itself: they need not add up to 1
		}
		targets = max(f.classes, 1)
		s.Classes = forest.Counted(targets)
	case "custom", "none":
		targets = f.each
	default:
		return &modelfile.UnsupportedError{Format: formatName, Op: name, Reason: "LightGBM 2.2 to 4.7 have no such objective, so that what its sums mean is not known"}
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
