package tree

import (
	"fmt"
	"math"
	"slices"

	"online-inference/engine/modelfile"
)

// checkTables proves what is relied on of the oblivious trees.
func (s *Spec) checkTables() error {
	if len(s.Tables) > 0 && s.Aggregate != Sum {
		return fmt.Errorf("oblivious trees aggregated in way %d", s.Aggregate)
	}
	if len(s.Values) > math.MaxInt32 {
		return modelfile.Exceeds("oblivious trees of %d values, %d are allowed", len(s.Values), math.MaxInt32)
	}
	end := 0
	for i, t := range s.Tables {
		switch {
		case t.Levels < 1 || t.Levels > modelfile.MaxLevels:
			return fmt.Errorf("oblivious tree %d has %d levels", i, t.Levels)
		case t.First < 0 || int(t.First) > len(s.Levels)-int(t.Levels):
			return fmt.Errorf("oblivious tree %d has levels %d to %d of %d", i, t.First, int(t.First)+int(t.Levels), len(s.Levels))
		case t.Values < end || int64(t.Values) > int64(len(s.Values))-int64(s.Targets)<<t.Levels:
			return fmt.Errorf("oblivious tree %d has values from %d on, of %d, those before end at %d", i, t.Values, len(s.Values), end)
		}
		end = t.Values + s.Targets<<t.Levels
	}
	for i := range s.Levels {
		switch l := &s.Levels[i]; {
		case l.Mode < LEQ || l.Mode > NEQ || l.Missing > MissNone:
			return fmt.Errorf("level %d has test %d, missing values %d", i, l.Mode, l.Missing)
		case l.Feature < 0 || int(l.Feature) >= s.Features:
			return fmt.Errorf("level %d tests feature %d of %d", i, l.Feature, s.Features)
		}
	}
	return nil
}

// tableNodes is how many nodes the oblivious trees have.
func (s *Spec) tableNodes() int {
	n := 0
	for _, t := range s.Tables {
		n += 2<<t.Levels - 1
	}
	return n
}

// node is the test of a level, without children.
func (l *Level) node() Node {
	return Node{Mode: l.Mode, Missing: l.Missing, MissTrue: l.MissTrue, Feature: l.Feature, Threshold: l.Threshold}
}

// take takes in the oblivious trees that were described as such, and their
// values.
func (o *oblivious) take(s *Spec, c *chart) {
	o.values = s.Values
	for _, from := range s.Tables {
		flip := 0 // bits of a leaf's number in which tests are turned around
		t := table{first: uint32(len(o.levels)), levels: uint32(from.Levels), values: uint32(from.Values)}
		for _, l := range s.Levels[from.First:][:from.Levels] {
			n := l.node()
			n.True = 1
			test := newTest(&n, false)
			flip = 2*flip + int(test.no)
			o.levels = append(o.levels, test.threshold<<32|uint64(8*c.column(test.kind, l.Feature)))
		}
		values := o.values[from.Values:][:s.Targets<<from.Levels]
		for leaf := range 1 << from.Levels {
			if other := leaf ^ flip; leaf < other {
				for i := range s.Targets {
					a, b := leaf*s.Targets+i, other*s.Targets+i
					values[a], values[b] = values[b], values[a]
				}
			}
		}
		o.trees = append(o.trees, t)
	}
}

// spread gives oblivious trees nodes, as others have them: all, for ensembles that
// cannot be scored in narrow nodes, or those with levels that cannot.
func (s *Spec) spread(all bool) {
	wide := func(l Level) bool { return l.Mode > GT || !single(l.Threshold) }
	if !all && !slices.ContainsFunc(s.Levels, wide) {
		return
	}
	from := *s
	s.Tables, s.Levels, s.Values = nil, nil, nil
	for _, t := range from.Tables {
		levels, values := from.Levels[t.First:][:t.Levels], from.Values[t.Values:][:s.Targets<<t.Levels]
		if all || slices.ContainsFunc(levels, wide) {
			s.spreadOne(levels, values)
			continue
		}
		s.Tables = append(s.Tables, Table{First: int32(len(s.Levels)), Levels: t.Levels, Values: len(s.Values)})
		s.Levels, s.Values = append(s.Levels, levels...), append(s.Values, values...)
	}
}

func (s *Spec) spreadOne(levels []Level, values []float64) {
	first := int32(len(s.Nodes))
	s.Roots = append(s.Roots, first)
	s.Nodes = slices.Grow(s.Nodes, 2<<len(levels)-1)
	for depth, l := range levels {
		n := l.node()
		for range 1 << depth {
			k := int32(len(s.Nodes)) - first
			n.False, n.True = first+2*k+1, first+2*k+2
			s.Nodes = append(s.Nodes, n)
		}
	}
	for ; len(values) > 0; values = values[s.Targets:] {
		s.Nodes = append(s.Nodes, s.LeafOf(values[:s.Targets]))
	}
}
