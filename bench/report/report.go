// Package report is what the benchmarks' pages and pictures have in common: a
// Markdown document, how figures are written, two sets of colours, and what a
// machine tells of itself.
package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A Document collects Markdown.
type Document struct{ bytes.Buffer }

// P adds a paragraph.
func (d *Document) P(format string, args ...any) { fmt.Fprintf(d, format+"\n\n", args...) }

// Table adds a table: the first column is text, the others are figures.
func (d *Document) Table(header []string, rows [][]string) {
	line := func(cells []string) { fmt.Fprintf(d, "| %s |\n", strings.Join(cells, " | ")) }
	line(header)
	line(append([]string{"---"}, slices.Repeat([]string{"---:"}, len(header)-1)...))
	for _, cells := range rows {
		line(cells)
	}
	fmt.Fprintln(d)
}

// Digits writes a figure with what a measurement knows of it.
func Digits(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v >= 1000:
		return Thousands(int(math.Round(v)))
	case v >= 99.5:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.95:
		return fmt.Sprintf("%.1f", v)
	case v == 0:
		return "0"
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Thousands writes a count of 0 or more with commas.
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Escape makes a text fit for XML.
func Escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

// Day writes the date of a time in RFC 3339.
func Day(date string) string {
	t, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return date
	}
	return t.Format("2 January 2006")
}

// Round keeps four digits, more than a measurement has.
func Round(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// Median is the middle of some figures, one at least.
func Median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// A Theme has the colours of a picture.
type Theme struct {
	Ground, Text, Muted, Line, Ours, Other string
}

// Light is for light pages.
func Light() Theme { return Theme{"#ffffff", "#1f2328", "#57606a", "#8c959f", "#0550ae", "#953800"} }

// Dark is for dark pages.
func Dark() Theme { return Theme{"#0d1117", "#e6edf3", "#9198a1", "#6e7681", "#79c0ff", "#ffa657"} }
