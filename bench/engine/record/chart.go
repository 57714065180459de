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
	p(`<text x="10" y="%d" font-size="12" fill="%s">Logarithmic scale; 1× is ONNX Runtime, and longer to the right is faster. Beside each bar: our time for a row and ONNX Runtime's.</text>`, bottom+32, t.muted)
	p(`<text x="10" y="%d" font-size="12" fill="%s">ONNX Runtime %s, C interface, no Python; least times of %d rounds in turns; each row another one. %s; %s.</text>`,
		bottom+50, t.muted, r.Versions["onnxruntime"], r.Rounds, report.Escape(r.Machine.Short()), report.Day(r.Date))
	p(`</svg>`)
	return b.Bytes()
}

// ticks are the ratios that the axis may name.
var ticks = []float64{0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000}

// extent is the least and the largest ratio of both panels, 1 included: one
// model may be many times as far from the line as most.
func (r *Record) extent() (least, most float64) {
	least, most = 1, 2
	for i := range r.Models {
		for _, batch := range []int{1, 1000} {
			if v := r.Models[i].AgainstORT(batch); v > 0 && !math.IsInf(v, 0) {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	return least, most
}

// bars draws one panel. Ratios are on a logarithmic scale, the same in both, and
// bars begin at 1.
func (r *Record) bars(p func(string, ...any), t theme, x, batch int, title string) {
	ratio := func(m *Model) float64 { return m.AgainstORT(batch) }
	least, most := r.extent()
	place := func(v float64) float64 {
		return float64(x) + math.Log(min(max(v, least), most)/least)/math.Log(most/least)*float64(panel-figures)
	}
	bottom := top + rowHeight*len(r.Models)
	p(`<text x="%d" y="58" font-size="14" font-weight="600" fill="%s">%s: %s on average</text>`, x, t.text, title, factor(r.Geomean(ratio, all)))
	last := math.Inf(-1)
	for _, v := range ticks {
		if at := place(v); v >= least && v <= most && at-last > 24 {
			p(`<path d="M%.1f %dv5" stroke="%s"/>`, at, top-8, t.line)
			p(`<text x="%.1f" y="%d" font-size="11" text-anchor="middle" fill="%s">%g×</text>`, at, top-14, t.muted, v)
			last = at
		}
	}
	at := place(1)
	for i := range r.Models {
		m := &r.Models[i]
		v, y, colour := ratio(m), top+rowHeight*i, t.ours
		if v < 1 {
			colour = t.slower
		}
		from, to := min(at, place(v)), max(at, place(v))
		p(`<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, from, y, to-from, barHeight, colour)
		p(`<text x="%.1f" y="%d" font-size="13" fill="%s"><tspan font-weight="700" fill="%s">%s</tspan> <tspan font-size="11.5">%s vs %s µs</tspan></text>`,
			to+6, y+barHeight-3, t.muted, colour, factor(v), report.Digits(m.Min(OursONNX, batch)/1e3), report.Digits(m.Min(ORT, batch)/1e3))
	}
	p(`<path d="M%.1f %dV%d" stroke="%s" stroke-width="2"/>`, at, top-8, bottom-4, t.line)
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
