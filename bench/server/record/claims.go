package record

import (
	"fmt"

	"online-inference/bench/report"
)

// A Claim is a bound that the server means to keep, with what was measured.
type Claim struct {
	ID, Text, Got string
	Met           bool
}

// The bounds, for shipped defaults: log, metrics and checks are on.
const (
	minOfFloor     = 70.0 // per cent of its requests a second
	minOverFastAPI = 15.0 // times its requests a second
	maxOverFloor   = 30.0 // µs
	maxP99         = 1000.0
	maxBatch       = 2000.0
	maxResident    = 40.0 // MB
)

// largeGrowth is what refusing a body that is too large may add to the process's
// peak; reading it would add all of it.
const largeGrowth = 5.0 // MB

// Claims are all bounds with what this record says of them. What was not measured
// is not met.
func (r *Record) Claims() []Claim {
	var claims []Claim
	add := func(id string, met bool, got, text string, args ...any) {
		claims = append(claims, Claim{id, fmt.Sprintf(text, args...), got, met})
	}
	for _, c := range []struct{ load, connections string }{{Eight, "8"}, {SixtyFour, "64"}} {
		share := 100 * r.Ratio(Ours, Floor, c.load)
		add("floor-"+c.load, share >= minOfFloor, fmt.Sprintf("%s %% (log off: %s %%)", report.Digits(share), report.Digits(100*r.Ratio(Silent, Floor, c.load))),
			"%s connections: at least %g %% of the requests a second of the bare server", c.connections, minOfFloor)
	}
	for _, c := range []struct{ load, connections string }{{Eight, "8"}, {SixtyFour, "64"}} {
		times := r.Ratio(Ours, FastAPI, c.load)
		add("fastapi-"+c.load, times >= minOverFastAPI, report.Digits(times)+"×",
			"%s connections: at least %g times the requests a second of FastAPI with ONNX Runtime", c.connections, minOverFastAPI)
	}
	over := r.cell(Ours, One).P50 - r.cell(Floor, One).P50
	add("p50", over <= maxOverFloor, fmt.Sprintf("%.0f µs (log off: %.0f µs)", over, r.cell(Silent, One).P50-r.cell(Floor, One).P50),
		"one connection, one row: the median time at most %g µs over the bare server's", maxOverFloor)
	open := r.cell(Ours, Open)
	add("p99", open.P99 < maxP99 && open.Rate > keepsUp, report.Digits(open.P99/1e3)+" ms",
		"1,000 requests a second of one row: 99 %% are answered in less than %g ms", maxP99/1e3)
	batch := r.cell(Ours, Batch)
	add("batch", batch.P50 <= maxBatch, report.Digits(batch.P50/1e3)+" ms", "1,000 rows of 13 columns in one request: %g ms or less, median", maxBatch/1e3)
	peak := mb(r.server(Ours).Load.Peak)
	add("memory", peak > 0 && peak <= maxResident, report.Digits(peak)+" MB", "resident memory under load, at its peak: %g MB or less", maxResident)
	large, got, met := r.server(Ours).Large, "not measured", false
	if large != nil {
		grown := mb(large.Peak) - peak
		met = large.Status == 413 && grown <= largeGrowth
		got = fmt.Sprintf("%s, %s MB more at the peak", statusText(large.Status), report.Digits(max(0, grown)))
	}
	add("large", met, got, "a body of 50 MB is refused with 413 and not read into memory: the peak grows by %g MB at most", largeGrowth)
	return claims
}

// keepsUp is the least rate that counts as 1,000 a second.
const keepsUp = 980

func mb(bytes int) float64 { return float64(bytes) / 1e6 }

func statusText(status int) string {
	if status == 0 {
		return "no answer"
	}
	return fmt.Sprint(status)
}
