package record

import (
	"bytes"
	"fmt"

	"online-inference/bench/report"
)

// The chart's measures in pixels. labels and figures are as wide as their longest
// text at its size.
const (
	chartWidth = 900
	labels     = 196
	gap        = 22 // between the panels
	figures    = 62
	panels     = 3
	panel      = (chartWidth - labels - (panels-1)*gap - 10) / panels
	rowHeight  = 29
	barHeight  = 17
	top        = 76
)

// chart draws requests a second, time of an answer, and memory of every contender.
func (r *Record) chart(t report.Theme) []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	bottom := top + rowHeight*len(names)
	height := bottom + 56
	p(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="t" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">`, chartWidth, height)
	p(`<title id="t">%s</title>`, report.Escape(r.summary()))
	p(`<rect width="%d" height="%d" fill="%s"/>`, chartWidth, height, t.Ground)
	p(`<text x="10" y="28" font-size="18" font-weight="700" fill="%s">One row of 13 columns over HTTP: this server beside others, same model</text>`, t.Text)
	for i, n := range names {
		p(`<text x="%d" y="%d" font-size="13" text-anchor="end" fill="%s">%s</text>`, labels-10, top+rowHeight*i+barHeight-4, t.Text, report.Escape(n.name))
	}
	r.bars(p, t, 0, "Requests/s, 8 connections", "%s", func(id string) float64 { return r.cell(id, Eight).Rate })
	r.bars(p, t, 1, "Median time, 1 connection", "%s ms", func(id string) float64 { return r.cell(id, One).P50 / 1e3 })
	r.bars(p, t, 2, "Memory under load, peak", "%s MB", func(id string) float64 { return mb(r.server(id).Load.Peak) })
	p(`<text x="10" y="%d" font-size="12" fill="%s">Longer is better on the left, shorter in the middle and on the right. Client and server share the cores.</text>`, bottom+22, t.Muted)
	p(`<text x="10" y="%d" font-size="12" fill="%s">Medians of %d rounds in turns; every request another of %d rows. %s; %s.</text>`, bottom+41, t.Muted, r.Rounds, r.Bodies, report.Escape(r.Machine.Short()), report.Day(r.Date))
	p(`</svg>`)
	return b.Bytes()
}

// bars draws one panel. What was not measured has no bar.
func (r *Record) bars(p func(string, ...any), t report.Theme, at int, title, form string, of func(id string) float64) {
	x := labels + at*(panel+gap)
	longest := 0.0
	for _, n := range names {
		if v := of(n.id); v > longest {
			longest = v
		}
	}
	p(`<text x="%d" y="%d" font-size="13" font-weight="600" fill="%s">%s</text>`, x, top-16, t.Text, title)
	for i, n := range names {
		v, y, colour := of(n.id), top+rowHeight*i, t.Other
		width := 0.0
		if v > 0 && longest > 0 {
			width = v / longest * (panel - figures)
		}
		switch n.id {
		case Ours, Silent:
			colour = t.Ours
		case Floor:
			colour = t.Line
		}
		p(`<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, x, y, width, barHeight, colour)
		p(`<text x="%.1f" y="%d" font-size="12" fill="%s">%s</text>`, float64(x)+width+6, y+barHeight-4, t.Text, fmt.Sprintf(form, report.Digits(v)))
	}
}
