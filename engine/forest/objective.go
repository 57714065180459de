package forest

import "slices"

// An Objective is what a framework calls a meaning of its models' sums. The
// readers of the formats list theirs; the documents are made of the lists.
type Objective struct {
	Name string
	Task Task
	Link LinkKind
}

// Objectives are those of some names that mean the same.
func Objectives(task Task, link LinkKind, names ...string) []Objective {
	all := make([]Objective, len(names))
	for i, name := range names {
		all[i] = Objective{Name: name, Task: task, Link: link}
	}
	return all
}

// Find gives the objective of a name.
func Find(list []Objective, name string) (o Objective, ok bool) {
	i := slices.IndexFunc(list, func(o Objective) bool { return o.Name == name })
	if i < 0 {
		return o, false
	}
	return list[i], true
}
