package timeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"online-inference/lab/record"
)

const sampleHeight = 26.0

// Names of values in samples; all but the memory are cumulative.
const (
	samplePeriods   = "periods"
	sampleThrottled = "throttled_periods"
	sampleCPU       = "cpu_seconds"
	sampleMemory    = "memory_bytes"
)

// reading is what a value did between two samples.
type reading struct {
	from, to int64
	value    float64
}

// readings are, for each thing that was sampled, how much the value over grew
// for each unit of under; without under, for each second.
func readings(run *record.Run, over, under string) map[string][]reading {
	type seen struct {
		t           int64
		over, under float64
	}
	last := map[string]seen{}
	all := map[string][]reading{}
	for _, line := range run.Lines {
		s := line.Sample
		if s == nil {
			continue
		}
		value, ok := s.Values[over]
		if !ok {
			continue
		}
		now := seen{line.T, value, float64(line.T) / 1000}
		if under != "" {
			now.under = s.Values[under]
		}
		// What became smaller was started again.
		if before, ok := last[s.Of]; ok && now.under > before.under && now.over >= before.over {
			all[s.Of] = append(all[s.Of], reading{before.t, now.t, (now.over - before.over) / (now.under - before.under)})
		}
		last[s.Of] = now
	}
	return all
}

// throttles are the pods that were stopped at their CPU limit at all, with the
// share of their periods of CPU time in which they were.
func throttles(run *record.Run) map[string][]reading {
	all := readings(run, sampleThrottled, samplePeriods)
	maps.DeleteFunc(all, func(_ string, rs []reading) bool {
		return !slices.ContainsFunc(rs, func(r reading) bool { return r.value > 0 })
	})
	return all
}

// sampleRows is how many rows samples draws.
func (d *drawing) sampleRows() int {
	return len(throttles(d.Run)) + len(readings(d.Run, sampleCPU, ""))
}

// samples draws a row for each pod that was throttled, and one for whatever
// had its CPU time measured.
func (d *drawing) samples() {
	all := throttles(d.Run)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d.sampleRow("throttled", name, all[name], 1, func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) })
	}
	all = readings(d.Run, sampleCPU, "")
	most := 0.0
	for _, rs := range all {
		for _, r := range rs {
			most = max(most, r.value)
		}
	}
	memory := map[string]float64{}
	for _, line := range d.Run.Lines {
		if s := line.Sample; s != nil {
			memory[s.Of] = max(memory[s.Of], s.Values[sampleMemory])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		rs := all[name]
		d.sampleRow(name, fmt.Sprintf("CPU, ≤ %.3gm", 1000*most), rs, most, nil)
		sum, time := 0.0, 0.0
		for _, r := range rs {
			sum += r.value * float64(r.to-r.from)
			time += float64(r.to - r.from)
		}
		text := fmt.Sprintf("mean %.3gm of a CPU", 1000*sum/time)
		if m := memory[name]; m > 0 {
			text += fmt.Sprintf(", at most %.0f MiB", m/(1<<20))
		}
		y := d.y - rowGap - sampleHeight
		d.plate(right-6-widthOf(text, sizeSmall, false)/2, y+11, style{size: sizeSmall, fill: d.theme.Text}, text)
	}
}

// sampleRow draws readings as bars of at most most; write labels the bars.
func (d *drawing) sampleRow(name, about string, all []reading, most float64, write func(float64) string) {
	bottom := d.y + sampleHeight
	d.label(d.y+sampleHeight/2, strings.TrimPrefix(strings.TrimPrefix(name, "online-inference-"), "online-inference "), strings.TrimPrefix(about, "online-inference-"))
	for _, r := range all {
		for _, p := range d.track.pieces(r.from, r.to) {
			h := sampleHeight * min(1, max(0, r.value/max(most, 1e-9)))
			d.fill(p[0], bottom-h, p[1]-p[0]+0.4, h, "url(#slow)")
			if write != nil && r.value > 0 && widthOf(write(r.value), sizeSmall, false)+6 < p[1]-p[0] {
				d.plate((p[0]+p[1])/2, bottom-9, style{size: sizeSmall, fill: d.theme.Text}, write(r.value))
			}
		}
	}
	d.line(d.track.x0, bottom, right, bottom, d.theme.Line)
	d.y += sampleHeight + rowGap
}
