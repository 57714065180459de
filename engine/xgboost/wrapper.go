package xgboost

import (
	"math"

	"online-inference/engine/forest"
	"online-inference/engine/scan"
)

// wrapper is what the scikit-learn wrapper of the Python package wrote about
// itself into the attribute scikit_learn, a text that holds JSON. From 2.0 on it
// says whether the estimator is a classifier, and no more. Files of 1.x hold all
// of the estimator's parameters, among them the number that stands for a missing
// value, and until 1.5 the names of the classes. From 2.0 on neither is in the
// file.
type wrapper struct {
	classifier bool
	classes    forest.Classes
	missing    float64 // NaN unless a number stands for missing values
}

// readWrapper reads the attribute. Anyone may have put anything under that name,
// so what is not understood says nothing.
func readWrapper(text string) wrapper {
	w := wrapper{missing: math.NaN()}
	r := scan.JSON("attribute scikit_learn", []byte(text))
	mixed := false
	r.Object(func(key []byte) {
		switch string(key) {
		case "_estimator_type", "type":
			if r.Kind() == scan.String {
				kind := r.Text()
				w.classifier = w.classifier || kind == "classifier" || kind == "XGBClassifier" || kind == "XGBRFClassifier"
			}
		case "missing":
			if r.Kind() == scan.Number {
				w.missing = r.Float()
			}
		case "classes_":
			if r.Kind() != scan.Array {
				return
			}
			r.Array(func(int) {
				switch r.Kind() {
				case scan.String:
					w.classes.Strings = append(w.classes.Strings, r.Text())
				case scan.Number:
					v := r.Float()
					mixed = mixed || v != math.Trunc(v) || math.Abs(v) >= 1<<53
					w.classes.Ints = append(w.classes.Ints, int64(v))
				default:
					mixed = true
				}
			})
		}
	})
	r.End()
	if r.Err() != nil {
		return wrapper{missing: math.NaN()}
	}
	if mixed || len(w.classes.Ints) > 0 && len(w.classes.Strings) > 0 {
		w.classes = forest.Classes{}
	}
	return w
}

// classify makes the model of a classifier answer as one, whatever its
// objective: XGBClassifier takes a single answer for the probability of the
// second class.
func (w wrapper) classify(s *forest.Spec) {
	if w.classifier && s.Task == forest.Regression {
		s.Task = forest.Multilabel
		if s.Targets == 1 {
			s.Task, s.Classes = forest.Binary, forest.Counted(2)
		}
	}
	if n := w.classes.Len(); n > 0 && n == s.Classes.Len() {
		s.Classes = w.classes
	}
}

// number is the place of a plain column's values if a number stands for missing
// ones, nil if none does.
func (w wrapper) number() func(float64) (float64, bool) {
	if w.missing != w.missing {
		return nil
	}
	missing := float64(float32(w.missing))
	return func(v float64) (float64, bool) {
		if v == missing {
			return math.NaN(), true
		}
		return v, true
	}
}
