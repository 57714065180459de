package timeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"online-inference/lab/record"
)

const throttleHeight = 26.0

// Names of values in samples of a pod's control group, all cumulative.
const (
	samplePeriods   = "periods"
	sampleThrottled = "throttled_periods"
)

// throttle is the share of a pod's periods of CPU time, between two samples, in
// which it was stopped at its limit.
type throttle struct {
	from, to int64
	share    float64
}

// throttles are the pods that were throttled at all, by name.
func throttles(run *record.Run) map[string][]throttle {
	type seen struct {
		t                  int64
		periods, throttled float64
	}
	last := map[string]seen{}
	all := map[string][]throttle{}
	for _, line := range run.Lines {
		s := line.Sample
		if s == nil {
			continue
		}
		periods, ok := s.Values[samplePeriods]
		if !ok {
			continue
		}
		now := seen{line.T, periods, s.Values[sampleThrottled]}
		if before, ok := last[s.Of]; ok && now.periods > before.periods {
			all[s.Of] = append(all[s.Of], throttle{before.t, now.t, (now.throttled - before.throttled) / (now.periods - before.periods)})
		}
		last[s.Of] = now
	}
	maps.DeleteFunc(all, func(_ string, ts []throttle) bool {
		return !slices.ContainsFunc(ts, func(t throttle) bool { return t.share > 0 })
	})
	return all
}

// throttled draws a row for each pod that was throttled.
func (d *drawing) throttled() {
	all := throttles(d.Run)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		bottom := d.y + throttleHeight
		d.label(d.y+throttleHeight/2, "throttled", strings.TrimPrefix(name, "online-inference-"))
		for _, t := range all[name] {
			for _, p := range d.track.pieces(t.from, t.to) {
				h := throttleHeight * min(1, max(0, t.share))
				d.fill(p[0], bottom-h, p[1]-p[0]+0.4, h, "url(#slow)")
				if text := fmt.Sprintf("%.0f %%", 100*t.share); t.share > 0 && widthOf(text, sizeSmall, false)+6 < p[1]-p[0] {
					d.plate((p[0]+p[1])/2, bottom-9, style{size: sizeSmall, fill: d.theme.Text}, text)
				}
			}
		}
		d.line(d.track.x0, bottom, right, bottom, d.theme.Line)
		d.y += throttleHeight + rowGap
	}
}
