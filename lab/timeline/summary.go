package timeline

import (
	"cmp"
	"fmt"
	"math"

	"online-inference/lab/figures"
)

// Sizes of the summary's cells in px.
const (
	cellColumns = 3
	cellGap     = 22.0
	cellShare   = 30.0
	cellFailed  = 16.0
	cellPitch   = 112.0
)

// Summary draws runs of one family as small multiples with two rows each: the
// share by version and the failed requests. All have one axis.
func Summary(title, conclusion string, all []Picture, theme Theme) []byte {
	d := &drawing{canvas: canvas{theme: theme}, Picture: Picture{Title: title, Conclusion: conclusion}}
	d.heading()
	width := (Width - 24 - cellGap*(cellColumns-1)) / cellColumns
	d.summaryLegend(all, width)
	for i, p := range all {
		x := 12 + float64(i%cellColumns)*(width+cellGap)
		d.cell(p, x, d.y+cellPitch*float64(i/cellColumns), width)
	}
	d.y += cellPitch*math.Ceil(float64(len(all))/cellColumns) + 4
	alt := title + ". " + conclusion
	for _, p := range all {
		alt += " " + cmp.Or(p.Short, p.Title) + ": " + headline(p) + "."
	}
	return d.document(d.y, alt, "For each rollout the share of each version in the answers over time, and below it the requests that failed. A line marks the change.")
}

// summaryLegend explains the rows once, and prints the scale.
func (d *drawing) summaryLegend(all []Picture, width float64) {
	th := d.theme
	x, y := 12.0, d.y
	for _, v := range []string{"v1", "v2"} {
		d.bar(x, y, 22, 12, figures.Ready, v)
		text := "answers of " + v
		d.text(x+27, y+10, style{size: sizeText, fill: th.Text}, text)
		x += 27 + widthOf(text, sizeText, false) + 14
	}
	d.rect(x, y, 12, 12, "url(#failed)")
	d.text(x+17, y+10, style{size: sizeText, fill: th.Text}, "failed requests")
	x += 17 + widthOf("failed requests", sizeText, false) + 14
	d.line(x, y-1, x, y+13, th.Text, "stroke-width", 1.5)
	d.text(x+6, y+10, style{size: sizeText, fill: th.Text}, "the change")
	x += 6 + widthOf("the change", sizeText, false) + 14
	if len(all) > 0 {
		a := all[0].Axis
		a.Scale *= width / (right - a.Left)
		bar := a.Tick(50)
		w := float64(bar) * a.Scale
		d.line(x, y+6, x+w, y+6, th.Line, "stroke-width", 3.0)
		d.text(x+w+6, y+10, style{size: sizeText, fill: th.Text}, seconds(bar))
	}
	d.y += 30
}

// headline is a run in a few words.
func headline(p Picture) string {
	c := p.Figures.All()
	text := fmt.Sprintf("%s of %s failed", Thousands(c.Failed), Thousands(c.N))
	if !math.IsNaN(p.Figures.Done) {
		text += "; done in " + Seconds(p.Figures.Done)
	}
	return text
}

// cell draws one run.
func (d *drawing) cell(p Picture, x, y, width float64) {
	th := d.theme
	name, size := cmp.Or(p.Short, p.Title), sizeText
	if widthOf(name, size, true) > width {
		size = sizeSmall
	}
	d.text(x, y+10, style{size: size, fill: th.Text, bold: true}, shorten(name, size, width, true))
	fill := th.Muted
	if p.Figures.All().Failed > 0 {
		fill = th.Failed
	}
	d.text(x, y+25, style{size: sizeSmall, fill: fill}, shorten(headline(p), sizeSmall, width, false))
	p.Axis = p.Axis.For(p.Run)
	if p.Axis.own {
		about := "own scale"
		d.text(x+width, y+25, style{size: sizeSmall, anchor: "end", fill: th.Muted}, about)
	}
	ratio := width / (right - p.Axis.Left)
	t := p.Axis.trackOf(p.Run)
	t.x0, t.scale, t.gap = x, t.scale*ratio, t.gap*ratio
	// fill() knows the large plot's edge only.
	t.to += max(0, min(figures.End(p.Run)-t.to, int64((x+width-t.x(t.to))/t.scale)))
	bin := max(p.Axis.Bin, leastShare)
	share, failed := y+32+cellShare, y+32+cellShare+4+cellFailed
	for _, b := range figures.Bins(p.Run, bin, t.zero, figures.Clients(p.Run, true)...) {
		for _, piece := range t.pieces(b.From, b.From+bin) {
			bottom := share
			for v, pattern := range map2("v1", "url(#ready0)", "v2", "url(#ready1)") {
				h := cellShare * float64(b.Versions[v]) / float64(max(b.N(), 1))
				if h > 0 {
					bottom -= h
					d.fill(piece[0], bottom, piece[1]-piece[0]+0.3, h, pattern)
				}
			}
		}
	}
	clients := append(figures.Clients(p.Run, true), figures.Clients(p.Run, false)...)
	for _, b := range figures.Bins(p.Run, bin, t.zero, clients...) {
		if b.Failed == 0 {
			continue
		}
		h := max(cellFailed*float64(b.Failed)/float64(b.N()), 3)
		for _, piece := range t.pieces(b.From, b.From+bin) {
			d.fill(piece[0], failed-h, piece[1]-piece[0]+0.3, h, "url(#failed)")
		}
	}
	d.line(x, share, x+width, share, th.Line)
	d.line(x, failed, x+width, failed, th.Line)
	d.line(t.x(t.zero), y+30, t.x(t.zero), failed, th.Text, "stroke-width", 1.5)
	for _, c := range t.cuts {
		at := t.x(c.From)
		d.rect(at, y+31, t.gap, failed-y-30, th.Ground)
		for _, dx := range []float64{0.8, t.gap - 0.8} {
			d.put("path", "d", zigzag(at+dx, y+31, failed+1), "stroke", th.Line, "fill", "none", "stroke-width", 0.8)
		}
	}
}

// map2 yields pairs in their order.
func map2(pairs ...string) func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if !yield(pairs[i], pairs[i+1]) {
				return
			}
		}
	}
}
