package artefact

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine"
	"online-inference/function/oip"
)

// listed writes bins as "feature bin share".
func listed(b *Bins) []string {
	var all []string
	b.Each(func(feature, bin string, share float64, _ uint64) {
		all = append(all, fmt.Sprintf("%s %s %.3g", feature, bin, share))
	})
	return all
}

// found is the bin of a value, "" where it is not counted.
func found(b *Bins, t *engine.Tensor) string {
	at := b.features[0].find(t, 0)
	if at < 0 {
		return ""
	}
	return b.bins[at].label
}

// TestBinsOfNumbers: what bins come of quantiles, and where values fall.
func TestBinsOfNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		f    Feature
		want string
		in   map[float64]string
	}{
		"distinct": {
			Feature{Storage: engine.Float64, Training: Range{0, 10}, Quantiles: []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			"below 0; [0,1] 0.1; (1,2] 0.1; (2,3] 0.1; (3,4] 0.1; (4,5] 0.1; (5,6] 0.1; (6,7] 0.1; (7,8] 0.1; (8,9] 0.1; (9,10] 0.1; above 0",
			map[float64]string{-1e-9: "below", 0: "[0,1]", 1: "[0,1]", 1.5: "(1,2]", 9: "(8,9]", 10: "(9,10]", 10.1: "above"},
		},
		"a point at the least value": {
			Feature{Storage: engine.Float64, Nullable: true, Training: Range{0, 3}, Quantiles: []float64{0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3}},
			"below 0; 0 0.5; (0,1] 0.3; (1,2] 0.1; (2,3] 0.1; above 0; missing NaN",
			map[float64]string{0: "0", 1e-300: "(0,1]", 1: "(0,1]", 2: "(1,2]", 3: "(2,3]", 4: "above", -1: "below", math.NaN(): "missing", math.Inf(1): "above"},
		},
		"points elsewhere": {
			Feature{Storage: engine.Float64, Training: Range{1, 9}, Quantiles: []float64{1, 2, 2, 2, 3, 4, 5, 6, 9, 9, 9}},
			"below 0; [1,2] 0.3; (2,3] 0.1; (3,4] 0.1; (4,5] 0.1; (5,6] 0.1; (6,9] 0.3; above 0",
			map[float64]string{1: "[1,2]", 2: "[1,2]", 9: "(6,9]"},
		},
		"one value": {
			Feature{Storage: engine.Float64, Training: Range{2, 2}, Quantiles: []float64{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}},
			"below 0; 2 1; above 0", map[float64]string{2: "2", 1: "below", 3: "above"},
		},
		"float32 keeps its ends": {
			Feature{Storage: engine.Float32, Training: Range{0.3, 6.7}},
			"below 0; [0.3,6.7] 1; above 0",
			map[float64]string{float64(float32(0.3)): "[0.3,6.7]", float64(float32(6.7)): "[0.3,6.7]", 6.8: "above"},
		},
		"one end": {
			Feature{Storage: engine.Float64, Training: Range{0, math.Inf(1)}},
			"below 0; [0,+Inf] 1", map[float64]string{-1: "below", 1e300: "[0,+Inf]"},
		},
		"nothing known": {Feature{Storage: engine.Float32, Training: everything}, "", map[float64]string{1: ""}},
		"only missing": {
			Feature{Storage: engine.Float32, Training: everything, Nullable: true}, "missing NaN",
			map[float64]string{1: "", math.NaN(): "missing"},
		},
		"integers": {
			Feature{Type: Integer, Storage: engine.Int64, Training: Range{-2, 5}},
			"below 0; [-2,5] 1; above 0", map[float64]string{-3: "below", -2: "[-2,5]", 6: "above"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBins([]Feature{c.f})
			var got []string
			for _, s := range listed(b) {
				got = append(got, strings.TrimSpace(s))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
				t.Error(diff)
			}
			for x, want := range c.in {
				at := &engine.Tensor{Type: c.f.Storage, F32: []float32{float32(x)}, F64: []float64{x}, I64: []int64{int64(x)}}
				if got := found(b, at); got != want {
					t.Errorf("%v is in %q, expected %q", x, got, want)
				}
			}
		})
	}
}

// TestBinsOfCategories: every known value, and what is missing.
func TestBinsOfCategories(t *testing.T) {
	words := []string{"a", "b", "missing", `"missing"`, "out_of_range", strings.Repeat("é", 60), strings.Repeat("é", 61), "g", "h", "i"}
	text := Feature{Name: "w", Type: Category, Storage: engine.String, Nullable: true, Training: everything}
	for i, w := range words {
		text.Categories = append(text.Categories, Categorical{Value: w, Rows: i})
	}
	b := newBins([]Feature{text})
	labels := map[string]bool{}
	for i, s := range listed(b) {
		labels[s] = true
		if i < len(words) {
			at := &engine.Tensor{Type: engine.String, Str: []string{words[i]}}
			if got := b.features[0].find(at, 0); got != i {
				t.Errorf("%q is in bin %d, expected %d", words[i], got, i)
			}
		}
	}
	if len(labels) != len(words)+1 || !labels[`w "missing" 0.0444`] || !labels["w missing NaN"] || !labels[`w "\"missing\"" 0.0667`] {
		t.Errorf("got %q", listed(b))
	}
	if got := found(b, &engine.Tensor{Type: engine.String, Str: []string{""}}); got != "missing" {
		t.Errorf("the empty string is in %q", got)
	}
	for name, c := range map[string]struct {
		storage engine.Type
		values  []string
		x       float64
		want    string
	}{
		"small":     {engine.Int64, []string{"0", "7", "3"}, 7, "7"},
		"between":   {engine.Int64, []string{"0", "7", "3"}, 4, ""},
		"wide":      {engine.Int64, []string{"-5", "7000000"}, -5, "-5"},
		"unknown":   {engine.Int32, []string{"-5", "7000000"}, 5, ""},
		"of floats": {engine.Float32, []string{"1", "2"}, 2, "2"},
		"no value":  {engine.Float64, []string{"1", "2"}, math.NaN(), "missing"},
	} {
		f := Feature{Type: Category, Storage: c.storage, Nullable: c.storage.IsFloat(), Training: everything}
		for _, v := range c.values {
			f.Categories = append(f.Categories, Categorical{Value: v})
		}
		b := newBins([]Feature{f})
		at := &engine.Tensor{Type: c.storage, F32: []float32{float32(c.x)}, F64: []float64{c.x}}
		if !math.IsNaN(c.x) {
			at.I64, at.I32 = []int64{int64(c.x)}, []int32{int32(c.x)}
		}
		if got := found(b, at); got != c.want {
			t.Errorf("%s: %v is in %q, expected %q", name, c.x, got, c.want)
		}
		if b.bins[0].label != c.values[0] || !math.IsNaN(b.bins[0].share) {
			t.Errorf("%s: the first bin is %+v", name, b.bins[0])
		}
	}
}

// TestBinsAreBounded: however many features and categories, there are at most
// MaxBins; beyond, only what is missing and out of range is counted, and features
// for which there is no room are not.
func TestBinsAreBounded(t *testing.T) {
	number := Feature{Storage: engine.Float64, Nullable: true, Training: Range{0, 10}, Quantiles: []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	for _, c := range []struct{ features, bins int }{{76, 76 * 13}, {77, 77 * 2}, {500, 1000}, {5000, 1000}} {
		all := make([]Feature, c.features)
		for i := range all {
			all[i] = number
			all[i].Name = fmt.Sprint("f", i)
		}
		b := newBins(all)
		if len(b.bins) != c.bins || len(b.features) != c.features || len(b.counts) != c.bins {
			t.Errorf("%d features have %d bins, expected %d", c.features, len(b.bins), c.bins)
		}
		if c.features == 76 {
			continue
		}
		for x, want := range map[float64]string{-1: "out_of_range", 11: "out_of_range", 0: "", 10: "", math.NaN(): "missing"} {
			if got := found(b, &engine.Tensor{Type: engine.Float64, F64: []float64{x}}); got != want {
				t.Errorf("%v is in %q, expected %q", x, got, want)
			}
		}
		last := &b.features[c.features-1]
		if c.features == 5000 && (last.number(-1) != -1 || last.number(math.NaN()) != -1 || last.from != last.to) {
			t.Errorf("the last feature is counted: %+v", last)
		}
	}
	many := Feature{Type: Category, Storage: engine.String, Training: everything}
	for i := range MaxBins + 1 {
		many.Categories = append(many.Categories, Categorical{Value: fmt.Sprint(i)})
	}
	if b := newBins([]Feature{many, number}); len(b.bins) != 2 {
		t.Errorf("got %d bins", len(b.bins))
	}
}

// filled is a batch of the bundled model whose row r has the values of one of the
// golden rows.
func filled(tb testing.TB, m *Model, rows int) *Batch {
	tb.Helper()
	b := m.Batch(rows)
	for row := range rows {
		for i, v := range m.Examples[row%len(m.Examples)].Values {
			if expected, _ := b.Set(row, i, v.Kind, []byte(v.Text)); expected != "" {
				tb.Fatal(expected)
			}
		}
	}
	return b
}

// TestCount: one row at a time and all at once count the same, and every value is
// in exactly one bin.
func TestCount(t *testing.T) {
	one, all := load(t, bundled+"1", Labels{}), load(t, bundled+"1", Labels{})
	const rows = 203
	whole := filled(t, all, rows)
	whole.Count()
	for row := range rows {
		b := one.Batch(1)
		for i, v := range one.Examples[row%len(one.Examples)].Values {
			b.Set(0, i, v.Kind, []byte(v.Text))
		}
		b.Count()
		b.Release()
	}
	counts := func(m *Model) map[string]uint64 {
		got := map[string]uint64{}
		m.Bins().Each(func(feature, bin string, _ float64, n uint64) { got[feature+" "+bin] = n })
		return got
	}
	if diff := cmp.Diff(counts(one), counts(all)); diff != "" {
		t.Error(diff)
	}
	sums, shares := map[string]uint64{}, map[string]float64{}
	all.Bins().Each(func(feature, _ string, share float64, n uint64) {
		sums[feature] += n
		if share == share {
			shares[feature] += share
		}
	})
	for _, f := range all.Features {
		if sums[f.Name] != rows || math.Abs(shares[f.Name]-1) > 1e-9 {
			t.Errorf("%s: %d values counted of %d, its shares add up to %v", f.Name, sums[f.Name], rows, shares[f.Name])
		}
	}
	if got := testing.AllocsPerRun(20, whole.Count); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestTrainingShares: the rows that a model was trained on fall into the bins by
// their shares, up to the step of the quantiles.
func TestTrainingShares(t *testing.T) {
	m := load(t, bundled+"1", Labels{})
	data, err := os.ReadFile(filepath.Join("..", "..", "train", "testdata", "golden", "heart-disease-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	b := m.Batch(len(lines))
	var table oip.Table
	for row, line := range lines {
		_, line, _ = strings.Cut(line, `"row": `)
		line = "[" + line[:strings.Index(line, "}")+1] + "]"
		if err := table.Parse([]byte(line), m, 1); err != nil {
			t.Fatal(err)
		}
		for i, at := range table.Column {
			kind, text := table.Cells[at].Kind(), table.Cells[at].Text([]byte(line))
			if expected, _ := b.Set(row, i, kind, text); expected != "" {
				t.Fatal(line, expected)
			}
		}
	}
	b.Count()
	present := map[string]float64{}
	m.Bins().Each(func(feature, bin string, _ float64, n uint64) {
		if bin != binMissing {
			present[feature] += float64(n)
		}
	})
	m.Bins().Each(func(feature, bin string, share float64, n uint64) {
		if got := float64(n) / present[feature]; bin != binMissing && math.Abs(got-share) > 0.1 {
			t.Errorf("%s %s: %v of the training data, expected %v", feature, bin, got, share)
		}
	})
	if len(lines) != 303 || present["ca"] != 299 || present["age"] != 303 {
		t.Errorf("%d rows, values %v", len(lines), present)
	}
}

// BenchmarkCount is the cost of counting a batch of 13 columns.
func BenchmarkCount(b *testing.B) {
	m, err := Load(bundled+"1", Labels{})
	if err != nil {
		b.Fatal(err)
	}
	for _, rows := range []int{1, 10, 1000} {
		batch := filled(b, m, rows)
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			for b.Loop() {
				batch.Count()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}
