package timeline

import (
	"fmt"
	"math"
	"slices"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// clients are those that the requests' row shows: the kept connections, or the
// fresh ones where there is no other.
func (d *drawing) clients() (names []string, fresh bool) {
	if names = figures.Clients(d.Run, false); len(names) > 0 {
		return names, false
	}
	return figures.Clients(d.Run, true), true
}

func (d *drawing) hasRequests() bool {
	names, _ := d.clients()
	return slices.ContainsFunc(d.Run.Lines, func(l record.Line) bool {
		return l.Request != nil && slices.Contains(names, l.Request.Client)
	})
}

// requests draws how many were answered in time, late or not at all. The
// failed ones hang from the top, at least 3 px long, so that one of a thousand
// is seen.
func (d *drawing) requests() {
	if !d.hasRequests() {
		return
	}
	th := d.theme
	names, fresh := d.clients()
	kind := "kept connections"
	if fresh {
		kind = "fresh connections"
	}
	bins := figures.Bins(d.Run, d.Axis.Bin, d.track.zero, names...)
	if n := len(bins); n > 1 && bins[n-1].Failed == 0 {
		bins = bins[:n-1] // it is cut by the record's end
	}
	most := 1
	for _, b := range bins {
		most = max(most, b.N())
	}
	d.label(d.y+loadHeight/2, fmt.Sprintf("requests, ≤ %.3g/s", 1000*float64(most)/float64(d.Axis.Bin)), kind)
	bottom, unit := d.y+loadHeight, (loadHeight-4)/float64(most)
	for _, b := range bins {
		for _, p := range d.track.pieces(b.From, b.From+d.Axis.Bin) {
			w := max(p[1]-p[0], 0.5)
			okHeight, slow := unit*float64(b.OK), unit*float64(b.Slow)
			if b.OK > 0 {
				d.fill(p[0], bottom-okHeight, w+0.4, okHeight, th.OK)
			}
			if b.Slow > 0 {
				d.fill(p[0], bottom-okHeight-slow, w, slow, "url(#slow)")
			}
			if b.Failed > 0 {
				h := max(unit*float64(b.Failed), 3)
				d.fill(p[0], bottom-okHeight-slow-h, w, h, "url(#failed)")
			}
		}
	}
	d.line(d.track.x0, bottom, right, bottom, th.Line)
	d.failures(bins, bottom)
	d.y += loadHeight + rowGap
}

// failures writes how many requests failed beside each stretch of failing bins.
func (d *drawing) failures(bins []figures.Bin, bottom float64) {
	free := d.track.x0
	for i := 0; i < len(bins); i++ {
		if bins[i].Failed == 0 {
			continue
		}
		first, n, calm := i, 0, 0
		for ; i < len(bins) && calm < 4; i++ {
			n += bins[i].Failed
			calm++
			if bins[i].Failed > 0 {
				calm = 0
			}
		}
		text := Thousands(n) + " failed"
		x, w := d.track.x(bins[first].From), widthOf(text, sizeText, true)
		if x+w+6 > right {
			x = right - w - 6
		}
		if x < free || !d.track.within(bins[first].From) {
			continue
		}
		d.over = append(d.over, func() {
			d.rect(x, bottom-21, w+10, 17, d.theme.Ground, "stroke", d.theme.Failed, "rx", 3.0)
			d.text(x+3, bottom-8, style{size: sizeText, fill: d.theme.Failed, bold: true}, text)
		})
		free = x + w + 12
	}
}

func (d *drawing) hasLatency() bool {
	f := d.Run.Header.Family
	return d.hasRequests() && (f == familyAutoscaling || f == "resources")
}

// latency draws median and 99th percentile of the answers of each bin, on a
// logarithmic scale.
func (d *drawing) latency() {
	if !d.hasLatency() {
		return
	}
	th := d.theme
	names, _ := d.clients()
	bins := figures.Bins(d.Run, d.Axis.Bin, d.track.zero, names...)
	low, high := math.Inf(1), 0.0
	for _, b := range bins {
		if len(b.Micros) > 0 {
			low, high = min(low, b.Quantile(0.5)), max(high, b.Quantile(0.99))
		}
	}
	if high == 0 {
		low, high = 1, 10
	}
	low, high = math.Pow(10, math.Floor(math.Log10(max(low, 0.01)))), math.Pow(10, math.Ceil(math.Log10(high)))
	if high <= low {
		high = 10 * low
	}
	bottom := d.y + loadHeight
	height := func(ms float64) float64 {
		return bottom - loadHeight*min(1, max(0, math.Log10(ms/low)/math.Log10(high/low)))
	}
	d.label(d.y+loadHeight/2, "latency, ms", "median and 99 %")
	for ms := low; ms <= high*1.001; ms *= 10 {
		d.line(d.track.x0, height(ms), right, height(ms), th.Faint)
	}
	for _, b := range bins {
		if len(b.Micros) == 0 {
			continue
		}
		for _, p := range d.track.pieces(b.From, b.From+d.Axis.Bin) {
			top, mid := height(b.Quantile(0.99)), height(b.Quantile(0.5))
			d.rect(p[0], top, max(p[1]-p[0]-0.6, 0.5), max(mid-top, 1), "url(#slow)")
			d.line(p[0], mid, p[1], mid, th.Text, "stroke-width", 2.0)
		}
	}
	s := style{size: sizeSmall, fill: th.Muted, halo: true}
	d.text(d.track.x0+2, d.y+9, s, short(high))
	d.text(d.track.x0+2, bottom-3, s, short(low))
	d.y += loadHeight + rowGap
}

// short writes a power of ten in ms.
func short(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%g s", ms/1000)
	}
	return fmt.Sprintf("%g ms", ms)
}

// seconds writes a bin's width.
func seconds(ms int64) string { return fmt.Sprintf("%g s", float64(ms)/1000) }
