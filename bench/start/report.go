package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
)

// stages are the parts of a start that the ready line tells, in order.
var stages = []string{"runtime", "config", "listen", "load", "self_test"}

// header and row are the table, whatever its form.
func header() []string {
	cells := append([]string{"program", "starts", "min", "median", "max", "inits"}, stages...)
	return append(cells, "RSS", "RssAnon", "binary")
}

func (s *subject) row() []string {
	t := s.times()
	cells := []string{s.name, fmt.Sprint(len(t)), ms(slices.Min(t)), ms(median(t)), ms(slices.Max(t)), fmt.Sprintf("%.2f", s.inits)}
	for _, name := range stages {
		cell := "–"
		if s.runs[0].stages != nil {
			cell = fmt.Sprintf("%.2f", median(s.column(func(x sample) float64 { return x.stages[name] })))
		}
		cells = append(cells, cell)
	}
	mb := func(of func(sample) float64) string { return fmt.Sprintf("%.1f", median(s.column(of))/1e6) }
	return append(cells, mb(func(x sample) float64 { return x.rss }), mb(func(x sample) float64 { return x.rssAnon }), s.size)
}

func ms(v float64) string { return fmt.Sprintf("%.1f", v) }

// caption explains the columns.
func caption() string {
	return fmt.Sprintf("From exec to the first 200 of readiness in ms, asked every %v; inits is the least sum of all packages' initialisation in ms;\n"+
		"stages are medians in ms as the server logs them (runtime is processor time before main, inits included);\n"+
		"memory is the median in MB 50 ms after; binary in MB. %s, %s/%s, %d CPUs.",
		poll, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

func writeText(w io.Writer, subjects []*subject) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) error {
		for _, c := range cells {
			if _, err := fmt.Fprint(tw, c, "\t"); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(tw)
		return err
	}
	if err := line(header()); err != nil {
		return err
	}
	for _, s := range subjects {
		if err := line(s.row()); err != nil {
			return err
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, caption())
	return err
}

func markdown(subjects []*subject) []byte {
	var b bytes.Buffer
	line := func(cells []string) {
		b.WriteByte('|')
		for _, c := range cells {
			b.WriteString(" " + c + " |")
		}
		b.WriteByte('\n')
	}
	line(header())
	rule := make([]string, len(header()))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	line(rule)
	for _, s := range subjects {
		line(s.row())
	}
	b.WriteString("\n" + caption() + "\n")
	return b.Bytes()
}
