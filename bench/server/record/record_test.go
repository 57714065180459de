package record

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
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
	r, err := Read(filepath.Join(published, "server.json"))
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
			t.Errorf("%s is not what the record says; `go run ./bench/server -render` draws it (-record +file):\n%s", name, diff)
		}
	}
}

// TestRecordIsWhole shows that every server was measured under every load with all
// answers right, and that the page states every claim as the record has it.
func TestRecordIsWhole(t *testing.T) {
	r := readPublished(t)
	page := string(r.page())
	if len(r.Servers) != len(names) || strings.Contains(page, "A trial") != r.Quick {
		t.Errorf("%d servers, want %d; a trial: %v, and the page says so: %v", len(r.Servers), len(names), r.Quick, strings.Contains(page, "A trial"))
	}
	for _, n := range names {
		s := r.server(n.id)
		loads := []string{One, Eight, SixtyFour, Open, Batch}
		if n.id == Ours {
			loads = append(loads, FormSimple, FormJSON, FormBinary, FormGRPC)
		}
		for _, load := range loads {
			if c := r.cell(n.id, load); !(c.Rate > 0) || !(c.P50 > 0) || c.P99 < c.P50 || c.Best < c.Rate || c.Requests == 0 {
				t.Errorf("%s under %s: %+v", n.id, load, c)
			}
		}
		if s.Idle.RSS == 0 || s.Load.Peak < s.Load.RSS || (s.Large == nil) != r.Quick {
			t.Errorf("%s: memory %+v, %+v, a large body %+v", n.id, s.Idle, s.Load, s.Large)
		}
		if d := s.Deviation; (d == nil) != (n.id == Floor) || d != nil && !(*d <= 1e-5) {
			t.Errorf("%s: deviation %v", n.id, d)
		}
	}
	for _, c := range r.Claims() {
		met := "yes"
		if !c.Met {
			met = "**no**"
		}
		if row := "| " + c.Text + " | " + c.Got + " | " + met + " |\n"; !strings.Contains(page, row) {
			t.Errorf("the page does not say %q", row)
		}
	}
}

// sample is a record that meets every claim just so, but for those in worse.
func sample(worse ...string) *Record {
	cells := func(rate, p50, p99, batch float64) []Cell {
		cell := func(load string, rate, p50 float64) Cell {
			return Cell{Load: load, Rate: rate, Best: rate, P50: p50, P99: p99, LeastP50: p50, CPU: 20, Requests: 9}
		}
		return []Cell{cell(One, 10_000, p50), cell(Eight, rate, p50), cell(SixtyFour, rate, p50), cell(Open, 1000, p50), cell(Batch, 500, batch)}
	}
	r := &Record{Date: "2026-11-22T11:00:00Z", Machine: report.Machine{CPU: "A & B <1>", Cores: 2}, Rounds: 3, Bodies: 7, Servers: []Server{
		{ID: Floor, Cells: cells(50_000, 60, 100, 80)},
		{ID: Ours, Cells: cells(35_000, 90, 999, 2000), Load: Memory{RSS: 30e6, Peak: 40e6}, Large: &Large{Status: 413, Peak: 45e6}},
		{ID: FastAPI, Cells: cells(2333, 700, 5000, 9000), Large: &Large{}},
	}}
	ours := &r.Servers[1]
	for _, w := range worse {
		switch w {
		case "rate":
			ours.Cells[1].Rate -= 10
		case "p50":
			ours.Cells[0].P50++
		case "p99":
			ours.Cells[3].P99 = 1000
		case "behind":
			ours.Cells[3].Rate = 900
		case "batch":
			ours.Cells[4].P50++
		case "memory":
			ours.Load.Peak++
		case "status":
			ours.Large.Status = 200
		case "large":
			ours.Large.Peak = 46e6
		case "unmeasured":
			r.Servers = r.Servers[:1]
		}
	}
	return r
}

// TestClaims shows where each claim turns.
func TestClaims(t *testing.T) {
	for worse, want := range map[string][]string{
		"":           nil,
		"rate":       {"floor-c8", "fastapi-c8"},
		"p50":        {"p50"},
		"p99":        {"p99"},
		"behind":     {"p99"},
		"batch":      {"batch"},
		"memory":     {"memory"},
		"status":     {"large"},
		"large":      {"large"},
		"unmeasured": {"floor-c8", "floor-c64", "fastapi-c8", "fastapi-c64", "p50", "p99", "batch", "memory", "large"},
	} {
		var unmet []string
		for _, c := range sample(worse).Claims() {
			if !c.Met {
				unmet = append(unmet, c.ID)
			}
		}
		if diff := cmp.Diff(want, unmet); diff != "" {
			t.Errorf("%q: claims that are not met (-want +got):\n%s", worse, diff)
		}
	}
}

func TestPage(t *testing.T) {
	page := string(sample("batch").page())
	for _, want := range []string{
		"| 1,000 rows of 13 columns in one request: 2 ms or less, median | 2.00 ms | **no** |",
		"| FastAPI + ONNX Runtime | 1.00× | 15.0× | 15.0× |", "| this server | 10,000 | 0.090 | 1.00 |", "no answer",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	var out bytes.Buffer
	if err := sample("p50").WriteText(&out); err != nil || !strings.Contains(out.String(), "NOT MET  one connection") {
		t.Errorf("error %v, text:\n%s", err, out.String())
	}
}

// TestChart shows that the charts are sound and legible, and that a server that
// was not measured has no bar.
func TestChart(t *testing.T) {
	for _, theme := range []report.Theme{report.Light(), report.Dark()} {
		chart := sample().chart(theme)
		if !bytes.Contains(chart, []byte(">35,000<")) || !bytes.Contains(chart, []byte(">–<")) || !bytes.Contains(chart, []byte("0.090 ms")) {
			t.Errorf("figures are missing:\n%s", chart)
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
				v, err := strconv.ParseFloat(a.Value, 64)
				if ok && a.Name.Local == "font-size" && (err != nil || v < 11) {
					t.Errorf("text of size %s", a.Value)
				}
				if ok && a.Name.Local == "width" && (err != nil || v < 0 || v > chartWidth) {
					t.Errorf("a width of %s", a.Value)
				}
			}
		}
	}
}
