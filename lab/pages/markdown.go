package pages

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// document collects Markdown.
type document struct{ bytes.Buffer }

// p adds a paragraph.
func (d *document) p(format string, args ...any) { fmt.Fprintf(d, format+"\n\n", args...) }

// table adds a table whose first column is text; align has one of "l" and "r"
// for each column.
func (d *document) table(align string, header []string, rows [][]string) {
	line := func(cells []string) {
		fmt.Fprint(d, "|")
		for _, c := range cells {
			fmt.Fprintf(d, " %s |", strings.ReplaceAll(c, "|", "\\|"))
		}
		fmt.Fprintln(d)
	}
	line(header)
	rule := make([]string, len(header))
	for i := range rule {
		rule[i] = "---"
		if align[i] == 'r' {
			rule[i] = "---:"
		}
	}
	line(rule)
	for _, cells := range rows {
		line(cells)
	}
	fmt.Fprintln(d)
}

// picture adds a picture with a file for dark pages.
func (d *document) picture(file string, width int, alt string) {
	dark := strings.TrimSuffix(file, ".svg") + "-dark.svg"
	fmt.Fprintf(d, "<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=%q>\n  <img src=%q width=\"%d\" alt=\"%s\">\n</picture>\n\n",
		dark, file, width, html.EscapeString(alt))
}

// code adds commands.
func (d *document) code(text string) { fmt.Fprintf(d, "```\n%s\n```\n\n", text) }
