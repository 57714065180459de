// Package rules finds faults in manifests that schemas and general linters pass,
// or see in some kinds alone: settings that the API accepts and that do something
// else than whoever wrote them had in mind. Its tests hold the project's own
// manifests and the chart's renders against them.
//
// Manifests are judged as a set, the files that are applied together, because
// half of the faults are between objects. Fields that a kind does not have are
// no rule here: they make a set unreadable.
package rules

import (
	"fmt"
	"slices"
)

// A File is what somebody applies: one or more YAML documents.
type File struct {
	Name string
	Text []byte
}

// A Finding is one fault.
type Finding struct {
	Rule   string // one of Rules
	File   string
	Object string // kind and name
	Text   string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", f.File, f.Object, f.Text, f.Rule)
}

// report takes what a rule finds.
type report func(o *object, format string, args ...any)

// A rule is a name and a search through a set.
type rule struct {
	name  string
	check func(s *set, add report)
}

func all() []rule {
	return []rule{
		{"quantity", checkQuantities},
		{"configmap-strings", checkStrings},
		{"configmap-unused", checkUnused},
		{"image-tag", checkTags},
		{"probe-budget", checkBudgets},
		{"liveness-is-readiness", checkSameProbe},
		{"no-readiness", checkNoReadiness},
		{"host-port", checkHostPorts},
		{"surge-below-replicas", checkSurge},
		{"all-unavailable", checkUnavailable},
		{"selector-overlap", checkOverlap},
		{"service-selects-nothing", checkServices},
		{"knative-revision", checkRevisions},
		{"knative-flagged-field", checkFlagged},
		{"knative-probe-period", checkProbePeriod},
		{"knative-full-duplex", checkDuplex},
	}
}

// Rules are the names of all rules.
func Rules() []string {
	var names []string
	for _, r := range all() {
		names = append(names, r.name)
	}
	return names
}

// Check searches the files, applied together in their order, for every fault.
func Check(files []File) ([]Finding, error) {
	s, err := read(files)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, r := range all() {
		r.check(s, func(o *object, format string, args ...any) {
			found = append(found, Finding{Rule: r.name, File: o.file, Object: o.kind + " " + o.name, Text: fmt.Sprintf(format, args...)})
		})
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		if a.File != b.File {
			return slices.Index(s.names, a.File) - slices.Index(s.names, b.File)
		}
		return 0
	})
	return found, nil
}
