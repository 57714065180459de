package report

import (
	"math"
	"testing"
)

func TestFigures(t *testing.T) {
	for in, want := range map[float64]string{0: "0", 0.0123: "0.012", 0.5: "0.50", 9.94: "9.94", 9.96: "10.0", 99.6: "100", 1234.6: "1,235", 1234567: "1,234,567", math.Inf(1): "–"} {
		if got := Digits(in); got != want {
			t.Errorf("Digits(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]float64{0: 0, 12345: 12350, -0.00123456: -0.001235} {
		if got := Round(in); math.Abs(got-want) > 1e-12 {
			t.Errorf("Round(%v) = %v, want %v", in, got, want)
		}
	}
	if got := Median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("Median = %v, want 2.5", got)
	}
}

func TestDocument(t *testing.T) {
	d := &Document{}
	d.P("a %d", 1)
	d.Table([]string{"x", "y"}, [][]string{{"a", "1"}})
	if want := "a 1\n\n| x | y |\n| --- | ---: |\n| a | 1 |\n\n"; d.String() != want {
		t.Errorf("got %q, want %q", d.String(), want)
	}
}

func TestTexts(t *testing.T) {
	if got := Escape("a<&"); got != "a&lt;&amp;" {
		t.Errorf("Escape = %q", got)
	}
	if got := Day("2026-11-22T11:00:00Z"); got != "22 November 2026" {
		t.Errorf("Day = %q", got)
	}
	m := Machine{CPU: value("a: b\nmodel name : X Processor (7)\n", "model name"), Cores: 2}
	if got := m.Short(); got != "X, 2 cores" {
		t.Errorf("Short = %q", got)
	}
}
