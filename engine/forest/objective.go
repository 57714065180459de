package forest

import (
	"fmt"
	"slices"
)

// An Objective is what a framework calls a meaning of its models' sums. The
// readers of the formats list theirs; the documents are made of the lists.
type Objective struct {
	Name string
	Task Task
	Link LinkKind
}

// String says what the links do with a sum s.
func (k LinkKind) String() string {
	names := [...]string{
		Identity: "the sum", Logistic: "1 / (1 + exp(-s))", Softmax: "softmax of the classes' sums", Exp: "exp(s)", Softplus: "log(1 + exp(s))",
		SignedSquare: "s·|s|", Step: "1 if s > 0, else 0", Sorted: "the sums in ascending order",
		Cumulative: "the first sum, then steps of log(1 + exp(s))", NormalScale: "a mean, and a variance of exp(2s)",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("link %d", uint8(k))
}

// String says what the tasks answer.
func (t Task) String() string {
	names := [...]string{
		Regression: "`prediction`", Binary: "`label`, `probabilities` of two classes", Multiclass: "`label`, `probabilities`",
		Multilabel: "`label`, `probabilities` of each label",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("task %d", uint8(t))
}

// Find gives the objective of a name.
func Find(list []Objective, name string) (o Objective, ok bool) {
	i := slices.IndexFunc(list, func(o Objective) bool { return o.Name == name })
	if i < 0 {
		return o, false
	}
	return list[i], true
}
