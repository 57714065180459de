package catboost

import (
	"math"
	"slices"
	"strconv"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
)

// classNames are the names of classes as the file has them.
type classNames struct {
	present bool // there is a class_params
	texts   []string
	numbers []float64
	flags   []bool
}

// info reads model_info.
func (f *file) info(key []byte) {
	switch string(key) {
	case "params":
		f.nestedText(f.params)
	case "loss_function": // of a sum of models, whose own parameters stand under model0:params and so on
		f.nestedText(f.lossFunction)
	case "class_params":
		f.names.present = true
		f.r.Object(func(key []byte) {
			if string(key) == "class_names" {
				f.r.Array(func(int) { f.className() })
			}
		})
	case "binclass_probability_threshold":
		f.threshold = f.r.Float()
	}
}

// nestedText reads an object, or a text that holds one.
func (f *file) nestedText(read func(scan.Reader)) {
	if f.r.Kind() == scan.Object {
		read(f.r)
		return
	}
	r := scan.JSON(formatName, []byte(f.r.Text()))
	if read(r); r.Err() != nil {
		f.r.Fail("params: %v", r.Err())
	}
}

// params reads the training parameters.
func (f *file) params(r scan.Reader) {
	r.Object(func(key []byte) {
		if string(key) == "loss_function" {
			f.lossFunction(r)
		}
	})
}

// lossFunction reads the name of the loss function.
func (f *file) lossFunction(r scan.Reader) {
	r.Object(func(key []byte) {
		if string(key) == "type" {
			f.loss = r.Text()
		}
	})
}

func (f *file) className() {
	switch f.r.Kind() {
	case scan.String:
		f.names.texts = append(f.names.texts, f.r.Text())
	case scan.Number:
		f.names.numbers = append(f.names.numbers, f.r.Float())
	case scan.Bool:
		f.names.flags = append(f.names.flags, f.r.Flag())
	default:
		f.r.Fail("a class name that is neither text, number nor boolean")
	}
}

// classes are the names of n classes: texts; whole numbers; booleans as 0 and 1,
// as they are in ONNX files; other numbers as text.
func (f *file) classes(n int) (forest.Classes, error) {
	var c forest.Classes
	given := len(f.names.texts) + len(f.names.numbers) + len(f.names.flags)
	if given == 0 {
		return forest.Counted(n), nil
	}
	if given != n || len(f.names.texts) != n && len(f.names.numbers) != n && len(f.names.flags) != n {
		return c, damaged("%d class names for %d classes", given, n)
	}
	c.Strings = f.names.texts
	for _, b := range f.names.flags {
		if b {
			c.Ints = append(c.Ints, 1)
		} else {
			c.Ints = append(c.Ints, 0)
		}
	}
	for _, v := range f.names.numbers {
		if math.Abs(v) >= 1<<53 || v != math.Trunc(v) {
			c.Ints = nil
			for _, v := range f.names.numbers {
				c.Strings = append(c.Strings, strconv.FormatFloat(v, 'g', -1, 64))
			}
			break
		}
		c.Ints = append(c.Ints, int64(v))
	}
	return c, nil
}

// Objectives lists the loss functions that are read.
func Objectives() []forest.Objective {
	return slices.Concat(
		forest.Objectives(forest.Regression, forest.Identity, "RMSE", "MAE", "Quantile", "Expectile", "LogLinQuantile", "Lq", "Huber", "MAPE", "LogCosh", "Cox",
			"SurvivalAft", "QueryRMSE", "QuerySoftMax", "QueryCrossEntropy", "GroupQuantile", "YetiRank", "YetiRankPairwise", "PairLogit",
			"PairLogitPairwise", "StochasticRank", "StochasticFilter", "LambdaMart", "PythonUserDefinedPerObject"),
		forest.Objectives(forest.Regression, forest.Identity, severalTargets()...),
		forest.Objectives(forest.Regression, forest.Exp, "Poisson", "Tweedie"),
		forest.Objectives(forest.Regression, forest.NormalScale, "RMSEWithUncertainty"),
		forest.Objectives(forest.Binary, forest.Logistic, "Logloss", "CrossEntropy", "Focal"),
		forest.Objectives(forest.Multiclass, forest.Softmax, "MultiClass"),
		forest.Objectives(forest.Multiclass, forest.Logistic, "MultiClassOneVsAll"),
		forest.Objectives(forest.Multilabel, forest.Logistic, "MultiLogloss", "MultiCrossEntropy"),
	)
}

// severalTargets are the losses of regressions whose leaves have any number of
// values.
func severalTargets() []string {
	return []string{"MultiRMSE", "MultiRMSEWithMissingValues", "MultiQuantile", "PythonUserDefinedMultiTarget"}
}

// setLoss sets the task and the link by the loss function, as the estimators of
// the Python package answer by default.
func (f *file) setLoss(s *forest.Spec) error {
	if f.loss == "" {
		return &modelfile.UnsupportedError{Format: formatName, Reason: "the file names no loss function, which says what the sums of its trees mean; " +
			"a sum of models has one only if all of them were trained with the same"}
	}
	o, known := forest.Find(Objectives(), f.loss)
	if !known {
		return &modelfile.UnsupportedError{Format: formatName, Op: "loss " + strconv.Quote(f.loss), Reason: "CatBoost 1.0 to 1.2 have no such loss function, so that what the sums mean is not known"}
	}
	s.Task, s.Link.Kind = o.Task, o.Link
	n, one := f.dims, false
	switch s.Task {
	case forest.Binary:
		if f.threshold <= 0 || f.threshold >= 1 {
			return damaged("binclass_probability_threshold is %v", f.threshold)
		}
		s.Cut = -math.Log(1/f.threshold - 1)
		n, one = 2, true
	case forest.Multilabel:
		return nil
	case forest.Regression:
		one = o.Link != forest.NormalScale && !slices.Contains(severalTargets(), f.loss)
	}
	if one && f.dims != 1 {
		return damaged("loss %s with %d dimensions", f.loss, f.dims)
	}
	if s.Task == forest.Regression {
		return nil
	}
	var err error
	s.Classes, err = f.classes(n)
	return err
}
