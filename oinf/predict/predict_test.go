package predict

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"online-inference/function/artefact"
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
