// Package timeline draws recorded runs as SVG: pods, versions and requests on
// one axis of time. The pictures of a family share that axis. What is drawn
// depends on the events alone; the same events give the same bytes.
package timeline

import (
	"fmt"
	"strings"
)

// Theme has the colours of a picture. All texts stand on Ground.
type Theme struct {
	Name string
	// Ground is behind everything, Faint marks where nothing is, Line draws
	// axes, Muted and Text are for words.
	Ground, Faint, Line, Muted, Text string
	// Versions are the colours of v1 and v2; more versions take turns.
	Versions [2]string
	// Tints are the same, thin enough to lie under a word.
	Tints [2]string
	// OK (large areas, without an edge), Slow and Failed are those of requests; Failed is that of a container
	// that stopped, too.
	OK, Slow, Failed string
}

// Light is for light pages. Versions have the colours that they have in the
// project's other pictures.
func Light() Theme {
	return Theme{
		Name: "light", Ground: "#ffffff", Faint: "#eaeef2", Line: "#848d97", Muted: "#57606a", Text: "#1f2328",
		Versions: [2]string{"#0550ae", "#bc4c00"}, Tints: [2]string{"#ddf4ff", "#fff1e5"},
		OK: "#b8bec5", Slow: "#9a6700", Failed: "#cf222e",
	}
}

// Dark is for dark pages.
func Dark() Theme {
	return Theme{
		Name: "dark", Ground: "#0d1117", Faint: "#21262d", Line: "#6e7681", Muted: "#9198a1", Text: "#e6edf3",
		Versions: [2]string{"#58a6ff", "#ffa657"}, Tints: [2]string{"#0c2d6b", "#5a1e02"},
		OK: "#545d68", Slow: "#d29922", Failed: "#ff7b72",
	}
}

// index is 0 for v1 and 1 for v2; what else there is takes turns.
func index(version string) int {
	n := 0
	for _, c := range strings.TrimPrefix(version, "v") {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return (n + 1) % 2
}

func (t Theme) version(v string) string { return t.Versions[index(v)] }

// defs has the patterns: versions and states are told by them as well as by
// colour. v1 is plain, v2 has slanted stripes; a starting pod has dots, a
// terminating one upright stripes, a stopped one crosses.
func (t Theme) defs() string {
	var b strings.Builder
	b.WriteString("<defs>\n")
	pattern := func(id string, size float64, body string) {
		fmt.Fprintf(&b, "<pattern id=%q width=\"%s\" height=\"%s\" patternUnits=\"userSpaceOnUse\">%s</pattern>\n", id, num(size), num(size), body)
	}
	for i, colour := range t.Versions {
		plain := fmt.Sprintf("<rect width=\"8\" height=\"8\" fill=%q/>", colour)
		if i == 1 {
			plain += fmt.Sprintf("<path d=\"M-2 10L10 -2M-2 2L2 -2M6 10L10 6\" stroke=%q stroke-width=\"1.3\"/>", t.Ground)
		}
		pattern(fmt.Sprintf("ready%d", i), 8, plain)
		pattern(fmt.Sprintf("starting%d", i), 6, fmt.Sprintf("<rect width=\"6\" height=\"6\" fill=%q/><circle cx=\"3\" cy=\"3\" r=\"1.2\" fill=%q/>", t.Tints[i], colour))
		pattern(fmt.Sprintf("terminating%d", i), 5, fmt.Sprintf("<rect width=\"5\" height=\"5\" fill=%q/><path d=\"M1.5 0V5\" stroke=%q stroke-width=\"1.4\"/>", t.Ground, colour))
	}
	pattern("stopped", 8, fmt.Sprintf("<rect width=\"8\" height=\"8\" fill=%q/><path d=\"M0 0L8 8M8 0L0 8\" stroke=%q stroke-width=\"1\"/>", t.Ground, t.Failed))
	pattern("failed", 6, fmt.Sprintf("<rect width=\"6\" height=\"6\" fill=%q/><path d=\"M0 0L6 6M6 0L0 6\" stroke=%q stroke-width=\"0.7\"/>", t.Failed, t.Ground))
	pattern("slow", 5, fmt.Sprintf("<rect width=\"5\" height=\"5\" fill=%q/><path d=\"M0 2.5H5\" stroke=%q stroke-width=\"1.2\"/>", t.Slow, t.Ground))
	b.WriteString("</defs>\n")
	return b.String()
}
