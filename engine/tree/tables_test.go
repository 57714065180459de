package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tabled describes an ensemble of a leveller by levels instead of nodes.
func tabled(s Spec) Spec {
	out := Spec{Features: s.Features, Targets: s.Targets}
	for t, root := range s.Roots {
		end := int32(len(s.Nodes))
		if t+1 < len(s.Roots) {
			end = s.Roots[t+1]
		}
		table := Table{First: int32(len(out.Levels)), Values: len(out.Values)}
		for i := root; !s.Nodes[i].Ends(); i = s.Nodes[i].True {
			n := &s.Nodes[i]
			out.Levels = append(out.Levels, Level{Mode: n.Mode, Missing: n.Missing, MissTrue: n.MissTrue, Feature: n.Feature, Threshold: n.Threshold})
			table.Levels++
		}
		values := make([]float64, s.Targets<<table.Levels)
		for i := range int32(1) << table.Levels {
			// A leveller's leaves stand behind each other, those for true first.
			leaf := &s.Nodes[end-1-i]
			for _, w := range s.weights(leaf, new([1]Weight)) {
				values[int(i)*s.Targets+int(w.Target)] = w.Value
			}
		}
		out.Values = append(out.Values, values...)
		out.Tables = append(out.Tables, table)
	}
	return out
}

// counted is an ensemble of a description by levels, of which one by nodes must
// not differ in anything that is told.
func counted(t *testing.T, s Spec, same *Ensemble) *Ensemble {
	t.Helper()
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if e.Trees() != same.Trees() || e.Nodes() != same.Nodes() || e.Steps() != same.Steps() {
		t.Fatalf("%d trees, %d nodes, %d steps; described by nodes %d, %d, %d",
			e.Trees(), e.Nodes(), e.Steps(), same.Trees(), same.Nodes(), same.Steps())
	}
	return e
}

// TestTablesBesideNodes scores tables together with trees that are walked, and
// tables that have to be given nodes: of more columns than narrow nodes count, and
// for a moment those beside leaves of many targets of which each speaks of one.
func TestTablesBesideNodes(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	for name, c := range map[string]struct {
		features, targets int
		vector            bool // leaves of walked trees speak of all targets
		kept              int  // as tables in the end, of so many; -1 for some
		trees             int
		few               Mode // that a few trees ask, and are walked for
		double            bool // a few trees have thresholds that are no float32
	}{
		"one target":    {features: 4, targets: 1, trees: 5, kept: 5},
		"three targets": {features: 4, targets: 3, vector: true, trees: 5, kept: 5},
		"many columns":  {features: 3 * maxNarrowColumns, targets: 1, trees: 8000},
		"sparse leaves": {features: 4, targets: 100, trees: 30, kept: 30},
		"equality":      {features: 4, targets: 1, trees: 300, kept: -1, few: EQ},
		"differences":   {features: 4, targets: 3, vector: true, trees: 300, kept: -1, few: NEQ},
		"doubles":       {features: 4, targets: 1, trees: 300, kept: -1, double: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := leveller{pick: r.IntN, features: c.features, levels: 4, borders: 40, targets: c.targets, vector: true,
				modes: []Mode{GT, LEQ, LT}, missing: []Missing{MissNaN, MissZero}}
			if c.few != 0 {
				l.modes = append(l.modes, l.modes...)
				l.modes = append(append(l.modes, l.modes...), c.few)
			}
			oblivious := l.grow(c.trees)
			for i := range oblivious.Weights { // so that sums are exact in any order
				oblivious.Weights[i].Value = math.Round(oblivious.Weights[i].Value)
			}
			for i := range oblivious.Nodes {
				if n := &oblivious.Nodes[i]; n.Mode == Leaf {
					n.Threshold = math.Round(n.Threshold)
				}
			}
			for t := 0; c.double && t < c.trees; t += 5 {
				for i := int(oblivious.Roots[t]); i < oblivious.end(t); i++ {
					if n := &oblivious.Nodes[i]; !n.Ends() {
						n.Threshold = math.Nextafter(n.Threshold, 1)
					}
				}
			}
			all, s := oblivious, tabled(oblivious)
			uneven := func(s *Spec) {
				at, w := int32(len(s.Nodes)), int32(len(s.Weights))
				s.Weights = slices.Clone(s.Weights)
				s.Roots = append(s.Roots, at)
				s.Nodes = append(s.Nodes, Node{Mode: EQ, Threshold: 0, True: at + 1, False: at + 2}, Node{Threshold: 5}, Node{Threshold: -7})
				if c.vector {
					s.Nodes[at+1], s.Nodes[at+2] = Node{Mode: LeafMany, True: w, False: w + 3}, Node{Mode: LeafMany, True: w + 3, False: w + 6}
					s.Weights = append(s.Weights, Weight{0, 5}, Weight{1, 6}, Weight{2, 7}, Weight{0, 1}, Weight{1, 2}, Weight{2, 3})
				}
			}
			all.Nodes, all.Weights, all.Roots = slices.Clone(all.Nodes), slices.Clone(all.Weights), slices.Clone(all.Roots)
			uneven(&all)
			uneven(&s)
			same, err := New(all)
			if err != nil {
				t.Fatal(err)
			}
			e := counted(t, s, same)
			if n := len(e.oblivious.trees); c.kept >= 0 && n != c.kept || c.kept < 0 && (n < c.trees/4 || n > 9*c.trees/10) {
				t.Fatalf("%d of %d trees are kept as tables, want %d", n, c.trees, c.kept)
			}
			compareLevels[float32](t, &l, all, e, []int{1, 70})
			compareLevels[float64](t, &l, all, e, []int{2})
		})
	}
}

// TestTablesChecked refuses what scoring relies on.
func TestTablesChecked(t *testing.T) {
	good := func() Spec {
		return Spec{
			Features: 2, Targets: 2,
			Levels: []Level{{Mode: GT, Threshold: 1.5}, {Mode: LEQ, Feature: 1, MissTrue: true}},
			Tables: []Table{{First: 0, Levels: 2, Values: 0}, {First: 1, Levels: 1, Values: 8}},
			Values: make([]float64, 12),
		}
	}
	if e, err := New(good()); err != nil || e.Trees() != 2 || e.Nodes() != 10 {
		t.Fatalf("%+v, %v", e, err)
	}
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"no level":           {func(s *Spec) { s.Tables[0].Levels = 0 }, "tree 0 has 0 levels"},
		"too deep":           {func(s *Spec) { s.Tables[1].Levels = 17 }, "tree 1 has 17 levels"},
		"level before":       {func(s *Spec) { s.Tables[0].First = -1 }, "levels -1 to 1 of 2"},
		"level behind":       {func(s *Spec) { s.Tables[1].First = 2 }, "levels 2 to 3 of 2"},
		"level far behind":   {func(s *Spec) { s.Tables[1].First = math.MaxInt32 }, "of 2"},
		"values before":      {func(s *Spec) { s.Tables[0].Values = -1 }, "values from -1 on"},
		"values twice":       {func(s *Spec) { s.Tables[1].Values = 7 }, "those before end at 8"},
		"too few values":     {func(s *Spec) { s.Values = s.Values[:11] }, "values from 8 on, of 11"},
		"values far behind":  {func(s *Spec) { s.Tables[1].Values = math.MaxInt }, "of 12"},
		"a leaf":             {func(s *Spec) { s.Levels[0].Mode = Leaf }, "level 0 has test 0"},
		"a set":              {func(s *Spec) { s.Levels[1].Mode = In }, "level 1 has test 7"},
		"missing":            {func(s *Spec) { s.Levels[1].Missing = 3 }, "missing values 3"},
		"feature":            {func(s *Spec) { s.Levels[0].Feature = 2 }, "feature 2 of 2"},
		"negative feature":   {func(s *Spec) { s.Levels[0].Feature = -1 }, "feature -1 of 2"},
		"average":            {func(s *Spec) { s.Aggregate = Average }, "aggregated in way 1"},
		"no trees of either": {func(s *Spec) { s.Tables = nil }, "without trees"},
	} {
		s := good()
		c.change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
