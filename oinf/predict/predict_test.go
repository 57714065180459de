package predict

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/oinf/rows"
)

const heart = "../../function/kodata/models/heart-disease/1"

func loadHeart(t testing.TB) *artefact.Model {
	t.Helper()
	m, err := artefact.Load(heart, artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// patients is the table of the training data, its body so many times.
func patients(t testing.TB, times int) string {
	t.Helper()
	data, err := os.ReadFile("../../train/data/heart.csv")
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := strings.Cut(string(data), "\n")
	return header + "\n" + strings.Repeat(body, times)
}

// BenchmarkRun scores the 303 patients of the training data a hundred times over,
// from CSV to CSV. The stages alone tell what bounds the whole.
func BenchmarkRun(b *testing.B) {
	m := loadHeart(b)
	table := patients(b, 100)
	n := strings.Count(table, "\n") - 1
	run := func(b *testing.B, body func()) {
		b.SetBytes(int64(len(table)))
		b.ReportAllocs()
		for b.Loop() {
			body()
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	source := func() *rows.Source {
		s, err := rows.Open(strings.NewReader(table), "", rows.CSV, 0)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("cut", func(b *testing.B) {
		run(b, func() {
			s := source()
			var c rows.Chunk
			for s.Read(&c, chunkRows) == nil {
				continue
			}
		})
	})
	b.Run("score", func(b *testing.B) { // the engine alone, on rows that are there already
		s := source()
		var c rows.Chunk
		if _, _, _, err := s.Next(); err != nil {
			b.Fatal(err)
		}
		t := &task{Options: Options{Model: m, Rows: s}, features: featureNames(m), width: 14, columns: counted(13)}
		w := newWorker(t)
		batch := w.batch(n)
		defer batch.Release()
		slot := 0
		for {
			err := s.Read(&c, chunkRows)
			for i := range c.Len() {
				if reason := w.fillRow(slot, &job{chunk: c}, i); reason != "" {
					b.Fatal(reason)
				}
				slot++
			}
			if err != nil {
				break
			}
		}
		run(b, func() {
			if err := batch.Run(); err != nil {
				b.Fatal(err)
			}
		})
	})
	for name, workers := range map[string]int{"all/1": 1, "all/2": 2} {
		b.Run(name, func(b *testing.B) {
			run(b, func() {
				_, err := Run(b.Context(), Options{
					Model: m, Rows: source(), Out: io.Discard, Format: rows.CSV, Workers: workers, Scored: new(atomic.Int64),
				})
				if err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// TestChunks: where chunks end makes no difference.
func TestChunks(t *testing.T) {
	var first []byte
	m := loadHeart(t)
	for _, workers := range []int{1, 3} {
		var out bytes.Buffer
		s, err := rows.Open(strings.NewReader(patients(t, 11)), "", rows.Auto, 0)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := Run(t.Context(), Options{Model: m, Rows: s, Out: &out, Format: rows.CSV, Workers: workers, Scored: new(atomic.Int64)})
		if err != nil || sum.Rows != 303*11 {
			t.Fatalf("%d rows, %v", sum.Rows, err)
		}
		if first == nil {
			first = out.Bytes()
		}
		lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
		if !bytes.Equal(first, out.Bytes()) || len(lines) != 303*11+2 {
			t.Fatalf("%d workers give another table of %d lines", workers, len(lines))
		}
		for i := 1 + 303; i < len(lines)-1; i++ {
			if !bytes.Equal(lines[i], lines[i-303]) {
				t.Fatalf("row %d is %s, the same patient was %s before", i, lines[i], lines[i-303])
			}
		}
	}
}

// A full disk takes so many bytes and no more.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestEnds: whatever ends a run early, it comes back, and says what it was.
func TestEnds(t *testing.T) {
	m := loadHeart(t)
	table := patients(t, 50)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		in   io.Reader
		o    Options
		want error
		rows int
	}{
		{"the header cannot be written", t.Context(), strings.NewReader(table), Options{Out: &full{}}, errFull, 0},
		{"the answers cannot be written", t.Context(), strings.NewReader(table), Options{Out: &full{200_000}}, errFull, 1000},
		{"rejects cannot be written", t.Context(), strings.NewReader(strings.Replace(table, "\n63,", "\nx,", 400)), Options{Out: io.Discard, SkipBad: true, Rejects: &full{600}}, errFull, 1},
		{"it is stopped", cancelled, strings.NewReader(table), Options{Out: io.Discard}, context.Canceled, 0},
		{"the rows end in an error", t.Context(), io.MultiReader(strings.NewReader(table), iotest.ErrReader(errFull)), Options{Out: io.Discard}, errFull, 303 * 50},
		{"all rows", t.Context(), strings.NewReader(table), Options{Out: io.Discard}, nil, 303 * 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := rows.Open(c.in, "", rows.Auto, 0)
			if err != nil {
				t.Fatal(err)
			}
			c.o.Model, c.o.Rows, c.o.Format, c.o.Workers, c.o.Scored = m, s, rows.CSV, 2, new(atomic.Int64)
			sum, err := Run(c.ctx, c.o)
			if !errors.Is(err, c.want) || sum.Rows < c.rows || int64(sum.Rows) != c.o.Scored.Load() {
				t.Errorf("%d rows (%d counted), %v", sum.Rows, c.o.Scored.Load(), err)
			}
		})
	}
}

// TestValues: what a cell of CSV means for each kind of feature.
func TestValues(t *testing.T) {
	model := &artefact.Feature{Storage: engine.Float32}
	text := &artefact.Feature{Storage: engine.String, Type: artefact.Category}
	maybe := &artefact.Feature{Storage: engine.String, Type: artefact.Category, Nullable: true, Categories: []artefact.Categorical{{Value: "None"}}}
	flag := &artefact.Feature{Storage: engine.Bool, Type: artefact.Category}
	usual := &task{missing: map[string]bool{"na": true, "none": true, "nan": true}}
	words := &task{missing: map[string]bool{"-999": true}, missingNumber: true}
	for _, c := range []struct {
		task *task
		f    *artefact.Feature
		cell string
		kind oip.Kind
		text string
	}{
		{usual, model, "1.5", oip.Number, "1.5"}, {usual, model, " +1e5 ", oip.Number, "+1e5"}, {usual, model, "-.5", oip.Number, "-.5"},
		{usual, model, "", oip.Null, ""}, {usual, model, "  ", oip.Null, ""}, {usual, model, "NaN", oip.Null, "NaN"}, {usual, model, "none", oip.Null, "none"},
		{usual, model, "-inf", oip.Number, "-inf"}, {usual, model, "Infinity", oip.Number, "Infinity"}, {usual, model, "++inf", oip.String, "++inf"},
		{usual, model, "0x10", oip.String, "0x10"}, {usual, model, "1_000", oip.String, "1_000"}, {usual, model, "1,5", oip.String, "1,5"}, {usual, model, "-", oip.String, "-"},
		{usual, model, "1e", oip.String, "1e"}, {usual, model, ".", oip.String, "."}, {usual, model, "-999", oip.Number, "-999"},
		{words, model, "-999", oip.Null, "-999"}, {words, model, "NA", oip.String, "NA"},
		{usual, text, "", oip.String, ""}, {usual, text, " a ", oip.String, " a "}, {usual, text, "NA", oip.Null, "NA"}, {usual, text, "5", oip.String, "5"},
		{usual, text, "\xff", oip.Null, "\xff"}, {words, text, "NA", oip.String, "NA"},
		{usual, maybe, "", oip.Null, ""}, {usual, maybe, "None", oip.String, "None"}, {usual, maybe, "NONE", oip.Null, "NONE"},
		{usual, flag, "True", oip.Bool, "true"}, {usual, flag, "0", oip.Bool, "false"}, {usual, flag, "1.0", oip.Bool, "true"}, {usual, flag, "2", oip.String, "2"},
		{usual, flag, "yes", oip.String, "yes"}, {usual, flag, "", oip.Null, ""},
	} {
		if kind, text, _ := c.task.value(c.f, &rows.Cell{Text: []byte(c.cell)}); kind != c.kind || string(text) != c.text {
			t.Errorf("%q for %s is %d %q, expected %d %q", c.cell, c.f.Storage, kind, text, c.kind, c.text)
		}
	}
}
