package compare

import (
	"strings"
	"testing"

	"online-inference/lab/record"
)

// line makes request and mark lines.
func asked(t int64, client, version string) record.Line {
	return record.Line{T: t, Request: &record.Request{Client: client, Status: 200, Micros: 1000, Version: version, Pod: "p"}}
}

func marked(t int64, name string) record.Line {
	return record.Line{T: t, Mark: &record.Mark{Name: name}}
}

// series are n answers of a client, every 100 ms from a moment on; every k-th is
// of v2, none where k is 0.
func series(from int64, n, k int, client string) []record.Line {
	var out []record.Line
	for i := range n {
		version := "v1"
		if k > 0 && i%k == 0 {
			version = "v2"
		}
		out = append(out, asked(from+int64(i)*100, client, version))
	}
	return out
}

// broken says whether a claim does not hold, and that a held one measured something.
func broken(t *testing.T, c Claim, lines ...record.Line) bool {
	t.Helper()
	run := &record.Run{Header: record.Header{Clients: map[string]record.Client{
		Fresh: {Fresh: true, TimeoutMillis: 5000, SlowMillis: 200}, Kept: {TimeoutMillis: 5000, SlowMillis: 200}}}, Lines: lines}
	measured, err := c.Check(run)
	if err == nil && strings.TrimSpace(measured) == "" {
		t.Errorf("%s: it holds and measured nothing", c.Text)
	}
	return err != nil
}

func TestTrafficClaims(t *testing.T) {
	change := []record.Line{marked(1000, record.MarkTrigger), marked(2000, record.MarkDone)}
	with := func(lines ...[]record.Line) []record.Line {
		out := append([]record.Line{}, change...)
		for _, l := range lines {
			out = append(out, l...)
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		claim Claim
		lines []record.Line
		want  bool
	}{
		{"a tenth", shareAfterDone(Fresh, 0.03, 0.17), with(series(5000, 200, 10, Fresh)), false},
		{"a half", shareAfterDone(Fresh, 0.03, 0.17), with(series(5000, 200, 2, Fresh)), true},
		{"a tenth of too few", shareAfterDone(Fresh, 0.03, 0.17), with(series(5000, 50, 10, Fresh)), true},
		{"no end", shareAfterDone(Fresh, 0.03, 0.17), series(5000, 200, 10, Fresh), true},
		{"only v1", onlyAnswers(Kept, "v1"), series(0, 150, 0, Kept), false},
		{"one v2", onlyAnswers(Kept, "v1"), append(series(0, 150, 0, Kept), asked(9000, Kept, "v2")), true},
		{"nobody", onlyAnswers(Kept, "v1"), nil, true},
		{"late v2 only", lateAnswers("v2"), with(series(0, 20, 0, Fresh), series(5000, 60, 1, Fresh), series(5000, 60, 1, Kept)), false},
		{"a late v1", lateAnswers("v2"), with(series(5000, 60, 1, Fresh), series(5000, 60, 7, Kept)), true},
		{"hardly anybody", lateAnswers("v2"), with(series(5000, 6, 1, Fresh)), true},
		{"kept stay", keptStay(), append(with(series(2500, 40, 0, Kept)), marked(7000, "blue to zero")), false},
		{"kept move", keptStay(), append(with(series(2500, 40, 2, Kept)), marked(7000, "blue to zero")), true},
		{"not scaled down", keptStay(), with(series(2500, 40, 0, Kept)), true},
	} {
		if got := broken(t, tt.claim, tt.lines...); got != tt.want {
			t.Errorf("%s: broken %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestScalesDown: the pods of the load must go, and one must stay.
func TestScalesDown(t *testing.T) {
	pod := func(t int64, uid string, ready bool) record.Line {
		return record.Line{T: t, Pod: &record.Pod{Name: uid, UID: uid, Ready: ready}}
	}
	up := []record.Line{pod(0, "a", true), marked(1000, record.MarkTrigger), pod(9000, "b", true), marked(20_000, "the load ends")}
	for name, tt := range map[string]struct {
		more []record.Line
		want bool
	}{
		"one left":   {[]record.Line{pod(50_000, "b", false)}, false},
		"two left":   {nil, true},
		"none left":  {[]record.Line{pod(50_000, "b", false), pod(51_000, "a", false)}, true},
		"came again": {[]record.Line{pod(50_000, "b", false), pod(60_000, "b", true)}, true},
	} {
		if got := broken(t, scalesDown(), append(append([]record.Line{}, up...), tt.more...)...); got != tt.want {
			t.Errorf("%s: broken %v, want %v", name, got, tt.want)
		}
	}
}
