package record

import (
	"bytes"
	"fmt"
	"math"

	"online-inference/bench/report"
)

// A theme has the colours of a chart.
type theme struct {
	ground, text, muted, line, ours, slower string
}

var (
	light = theme{"#ffffff", "#1f2328", "#57606a", "#8c959f", "#0550ae", "#953800"}
	dark  = theme{"#0d1117", "#e6edf3", "#9198a1", "#6e7681", "#79c0ff", "#ffa657"}
)

// The chart's measures in pixels. labels and figures are as wide as their
// longest text at its size.
const (
	chartWidth = 900
	labels     = 252
	gap        = 24 // between the panels
	figures    = 148
	panel      = (chartWidth - labels - gap - 10) / 2
	rowHeight  = 27
	barHeight  = 15
	top        = 96
)

// chart draws how many times as fast as ONNX Runtime each model is, one row at
// a time and by the thousand.
func (r *Record) chart(t theme) []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	bottom := top + rowHeight*len(r.Models)
	height := bottom + 64
	p(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="t" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">`, chartWidth, height)
	p(`<title id="t">%s</title>`, report.Escape(r.summary()))
	p(`<rect width="%d" height="%d" fill="%s"/>`, chartWidth, height, t.ground)
	p(`<text x="10" y="28" font-size="18" font-weight="700" fill="%s">How many times as fast as ONNX Runtime: the same model file, one thread</text>`, t.text)
	for i := range r.Models {
		y := top + rowHeight*i
		p(`<text x="%d" y="%d" font-size="13" text-anchor="end" fill="%s">%s</text>`, labels-10, y+barHeight-3, t.text, report.Escape(shapes[r.Models[i].Name].short))
	}
	r.bars(p, t, labels, 1, "One row at a time")
	r.bars(p, t, labels+panel+gap, 1000, "Batches of 1,000")
	p(`<text x="10" y="%d" font-size="12" fill="%s">Longer is better; a bar that ends before the line is slower. Beside each bar: our time for a row and ONNX Runtime's.</text>`, bottom+32, t.muted)
	p(`<text x="10" y="%d" font-size="12" fill="%s">ONNX Runtime %s, C interface, no Python; least times of %d rounds in turns; each row another one. %s; %s.</text>`,
		bottom+50, t.muted, r.Versions["onnxruntime"], r.Rounds, report.Escape(r.Machine.Short()), report.Day(r.Date))
	p(`</svg>`)
	return b.Bytes()
}

// bars draws one panel.
func (r *Record) bars(p func(string, ...any), t theme, x, batch int, title string) {
	ratio := func(m *Model) float64 { return m.AgainstORT(batch) }
	longest := 1.0
	for i := range r.Models {
		longest = max(longest, ratio(&r.Models[i]))
	}
	scale := float64(panel-figures) / longest
	bottom := top + rowHeight*len(r.Models)
	p(`<text x="%d" y="58" font-size="14" font-weight="600" fill="%s">%s: %s on average</text>`, x, t.text, title, factor(r.Geomean(ratio, all)))
	at := float64(x) + scale
	for i := range r.Models {
		m := &r.Models[i]
		v, y, colour := ratio(m), top+rowHeight*i, t.ours
		if v < 1 {
			colour = t.slower
		}
		w := v * scale
		p(`<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, x, y, w, barHeight, colour)
		p(`<text x="%.1f" y="%d" font-size="13" fill="%s"><tspan font-weight="700" fill="%s">%s</tspan> <tspan font-size="11.5">%s vs %s µs</tspan></text>`,
			math.Max(float64(x)+w, at)+6, y+barHeight-3, t.muted, colour, factor(v), report.Digits(m.Min(OursONNX, batch)/1e3), report.Digits(m.Min(ORT, batch)/1e3))
	}
	p(`<path d="M%.1f %dV%d" stroke="%s" stroke-width="2"/>`, at, top-8, bottom-4, t.line)
	p(`<text x="%d" y="%d" font-size="12" fill="%s">line: ONNX Runtime, 1×</text>`, x, top-14, t.muted)
}

// summary says in one sentence what the chart shows.
func (r *Record) summary() string {
	one := r.Geomean(func(m *Model) float64 { return m.AgainstORT(1) }, all)
	thousand := r.Geomean(func(m *Model) float64 { return m.AgainstORT(1000) }, all)
	return fmt.Sprintf("Over %d models the engine is %s as fast as ONNX Runtime %s for one row and %s for batches of 1,000 (geometric means, one thread).",
		len(r.Models), factor(one), r.Versions["onnxruntime"], factor(thousand))
}

// factor writes a ratio for the eye.
func factor(v float64) string {
	if v < 1 || math.IsInf(v, 0) || math.IsNaN(v) {
		return times(v)
	}
	return fmt.Sprintf("%.1f×", v)
}
