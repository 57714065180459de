package record

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/bench/report"
)

const published = "../../../docs/performance"

func readPublished(t *testing.T) *Record {
	t.Helper()
	r, err := Read(filepath.Join(published, "engine.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPublished shows that the page and the charts say what the record says.
func TestPublished(t *testing.T) {
	for name, want := range readPublished(t).Files() {
		got, err := os.ReadFile(filepath.Join(published, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the record says; `go run ./bench/engine -render` draws it (-record +file):\n%s", name, diff)
		}
	}
}

// TestRecordIsWhole shows that the record is a full run with all answers right.
func TestRecordIsWhole(t *testing.T) {
	r := readPublished(t)
	if r.Quick || len(r.Models) != len(shapes) {
		t.Errorf("quick %v, %d models; want a full run of %d", r.Quick, len(r.Models), len(shapes))
	}
	for i := range r.Models {
		m := &r.Models[i]
		if shapes[m.Name].long == "" {
			t.Errorf("%s has no description", m.Name)
		}
		for _, p := range m.Peers {
			if p.Refused || !(p.Deviation <= 1e-5) {
				t.Errorf("%s: the answers of %s are off by %v", m.Name, p.ID, p.Deviation)
			}
			if wayNames[p.ID] == "" || len(p.Cells) != 4 {
				t.Errorf("%s: %s has the name %q and %d cells, want a name and 4", m.Name, p.ID, wayNames[p.ID], len(p.Cells))
			}
		}
		for _, l := range m.Loads {
			if wayNames[l.ID] == "" || l.First <= 0 || isOurs(l.ID) != (l.FirstAll > 0) || l.After < l.Before {
				t.Errorf("%s: load %+v, want a name, a time and memory", m.Name, l)
			}
		}
		if id, ns := m.Framework(1); id == "" || math.IsNaN(ns) || math.IsNaN(m.AgainstORT(1000)) {
			t.Errorf("%s: no framework or no ONNX Runtime", m.Name)
		}
	}
}

// TestClaims holds the record against what the project claims. What it falls
// short of needs a reason on the page, and no reason stands there without need.
func TestClaims(t *testing.T) {
	met := map[string]bool{}
	for _, c := range readPublished(t).Claims() {
		met[c.ID] = c.Met
		if !c.Met && Reasons[c.ID] == "" {
			t.Errorf("claim %s is not met: %s: %s; make it so, or say why in Reasons", c.ID, c.Text, c.Got)
		}
	}
	for id := range Reasons {
		if ok, known := met[id]; ok || !known {
			t.Errorf("a reason stands for %s, which is met or unknown", id)
		}
	}
}

// sample is a record of one model that is slower than everybody.
func sample() *Record {
	cells := func(one, thousand float64) []Cell {
		return []Cell{{Batch: 1, Min: one, Median: one * 2, Laps: 9}, {Batch: 1000, Min: thousand, Median: thousand * 2, Laps: 9}}
	}
	none := 0.0
	return &Record{
		Date: "2026-11-22T11:00:00Z", Versions: map[string]string{"onnxruntime": "1.31.1"}, Rounds: 3,
		Machine: report.Machine{CPU: "A & B <1>", Cores: 2},
		Models: []Model{{
			Name: "lightgbm-100x63", Kind: "lightgbm", Nodes: 1000, Rows: 8000,
			Peers: []Peer{
				{ID: OursONNX, Allocations: &none, Cells: cells(4000, 2000)},
				{ID: OursNative, Allocations: &none, Cells: cells(3000, 1000)},
				{ID: ORT, Cells: cells(8000, 1000)},
				{ID: "lightgbm-c", Cells: cells(1500, 3000)},
				{ID: "lightgbm-python", Cells: cells(9000, 2500)},
				{ID: "lleaves", Cells: cells(300, 500)},
				{ID: "lleaves-row", Deviation: 0.5, Refused: true},
			},
			Loads: []Load{{ID: OursONNX, Bytes: 1_000_000, First: 6, FirstAll: 6, Min: 3, Heap: 4000, After: 1}, {ID: OursNative, Bytes: 1_000_000, First: 1, FirstAll: 1, Min: 1, Heap: 32000}},
		}},
	}
}

func TestRatios(t *testing.T) {
	m := &sample().Models[0]
	id, ns := m.Framework(1000)
	if id != "lightgbm-python" || ns != 2500 {
		t.Errorf("fastest of the framework = %s, %v", id, ns)
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"ORT, one row", m.AgainstORT(1), 2},
		{"ORT, a thousand", m.AgainstORT(1000), 0.5},
		{"framework, one row", m.AgainstFramework(1), 0.5},
		{"framework, a thousand", m.AgainstFramework(1000), 2.5},
		{"compiler, one row", m.AgainstCompiler(1), 0.1},
		{"load", m.loadPerMB(), 6},
		{"heap", m.heapOfNodes(), 2},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// TestShortfall shows that a claim that is not met is said to be so.
func TestShortfall(t *testing.T) {
	r := sample()
	unmet := map[string]bool{}
	for _, c := range r.Claims() {
		if !c.Met {
			unmet[c.ID] = true
		}
	}
	for _, id := range []string{"ort-1-all", "ort-1000-each", "framework-1", "load", "memory"} {
		if !unmet[id] {
			t.Errorf("claim %s is met by a record that falls short of it", id)
		}
	}
	if unmet["ort-1-each"] || unmet["framework-1000"] || unmet["allocations"] {
		t.Errorf("claims not met: %v, more than fall short", unmet)
	}
	page := string(r.page())
	for _, want := range []string{"**no**", "Not met: one row, all models", "Why lleaves is ahead", "5.0e-01, refused"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestChart shows that the charts are sound and legible.
func TestChart(t *testing.T) {
	for _, th := range []theme{light, dark} {
		chart := sample().chart(th)
		if !bytes.Contains(chart, []byte(th.slower)) || !bytes.Contains(chart, []byte("0.50×")) {
			t.Error("a slower model is not drawn as such")
		}
		for d := xml.NewDecoder(bytes.NewReader(chart)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			start, ok := token.(xml.StartElement)
			for _, a := range start.Attr {
				size, err := strconv.ParseFloat(a.Value, 64)
				if ok && a.Name.Local == "font-size" && (err != nil || size < 11) {
					t.Errorf("text of size %s", a.Value)
				}
			}
		}
	}
}

func TestDigits(t *testing.T) {
	for in, want := range map[float64]string{0: "0", 0.0123: "0.012", 0.5: "0.50", 9.94: "9.94", 9.96: "10.0", 99.6: "100", 1234.6: "1,235", 1234567: "1,234,567", math.Inf(1): "–"} {
		if got := report.Digits(in); got != want {
			t.Errorf("digits(%v) = %q, want %q", in, got, want)
		}
	}
}
