// Package record holds what one run of the engine's benchmark measured, and
// draws the page and the chart from it: nothing on them comes from elsewhere.
package record

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"online-inference/bench/report"
)

// A Record is one run.
type Record struct {
	Date     string            `json:"date"` // UTC, RFC 3339
	Command  string            `json:"command"`
	Quick    bool              `json:"quick,omitempty"` // a trial with few rounds, no figures to publish
	Machine  report.Machine    `json:"machine"`
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	SliceMS  int               `json:"slice_ms"`
	Seconds  float64           `json:"seconds"`
	Models   []Model           `json:"models"`
}

// A Model is one shape with everything that was measured on it.
type Model struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind"` // "xgboost", "lightgbm", "catboost" or "sklearn"
	Nodes   int       `json:"nodes"`
	Rows    int       `json:"rows"` // different ones
	Peers   []Peer    `json:"peers"`
	Loads   []Load    `json:"loads"`
	Scaling []Scaling `json:"scaling"`
}

// A Peer is one way to score the model, one of ours among them.
type Peer struct {
	ID   string `json:"id"`
	Call string `json:"call"`
	// Deviation is the largest distance of its probabilities from the framework's.
	Deviation float64 `json:"deviation"`
	// Refused is set where the deviation is too large: then nothing is timed.
	Refused bool   `json:"refused,omitempty"`
	Cells   []Cell `json:"cells"`
	// Allocations is how many a run makes, of ours only.
	Allocations *float64 `json:"allocations,omitempty"`
}

// A Cell is the time of a row in batches of one size, in nanoseconds.
type Cell struct {
	Batch  int     `json:"batch"`
	Min    float64 `json:"min_ns"`
	Median float64 `json:"median_ns"`
	Laps   int     `json:"laps"`
}

// A Load is how a model file becomes a model, in a process of its own.
type Load struct {
	ID    string  `json:"id"`
	Bytes int     `json:"bytes"`    // of the file
	First float64 `json:"first_ms"` // the first load of the process, on one thread
	Min   float64 `json:"min_ms"`
	// FirstAll is First where the process may use all processors, of ours only.
	FirstAll float64 `json:"first_all_ms,omitempty"`
	// Heap is what the model holds after a collection, of ours only.
	Heap int `json:"heap_bytes,omitempty"`
	// Before and After are the process's resident memory: libraries loaded,
	// then model loaded and one row scored.
	Before int `json:"rss_before"`
	After  int `json:"rss_after"`
}

// A Scaling is the time of a row of ours in a large batch on some threads.
type Scaling struct {
	ID      string  `json:"id"`
	Batch   int     `json:"batch"`
	Threads int     `json:"threads"`
	Min     float64 `json:"min_ns"`
	Median  float64 `json:"median_ns"`
}

// Read reads a record's file.
func Read(path string) (*Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return r, nil
}

// Write writes a record's file.
func (r *Record) Write(path string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// The ids of our own two ways, and of the ways of ONNX Runtime.
const (
	OursONNX   = "ours-onnx"
	OursNative = "ours-native"
	ORT        = "ort-c"
	ORTPython  = "ort-python"
)

// compilers turn a model into machine code before it is used.
func isCompiler(id string) bool {
	return strings.HasPrefix(id, "lleaves") || strings.HasPrefix(id, "tl2cgen")
}

// isOurs and isORT tell whose way it is; what is left is the framework's own.
func isOurs(id string) bool { return strings.HasPrefix(id, "ours") }
func isORT(id string) bool  { return strings.HasPrefix(id, "ort") }

// Min is the least time of a row by one way, NaN where it was not measured.
func (m *Model) Min(id string, batch int) float64 {
	return m.cell(id, batch).Min
}

func (m *Model) cell(id string, batch int) Cell {
	for _, p := range m.Peers {
		for _, c := range p.Cells {
			if p.ID == id && c.Batch == batch {
				return c
			}
		}
	}
	return Cell{Min: math.NaN(), Median: math.NaN()}
}

// best is the fastest way among those that keep accepts, "" where there is none.
func (m *Model) best(batch int, keep func(id string) bool) (id string, ns float64) {
	ns = math.NaN()
	for _, p := range m.Peers {
		if v := m.Min(p.ID, batch); keep(p.ID) && (id == "" && !math.IsNaN(v) || v < ns) {
			id, ns = p.ID, v
		}
	}
	return id, ns
}

// Framework is the fastest of the framework's own ways.
func (m *Model) Framework(batch int) (id string, ns float64) {
	return m.best(batch, func(id string) bool { return !isOurs(id) && !isORT(id) && !isCompiler(id) })
}

// Compiler is the fastest of the compilers' ways.
func (m *Model) Compiler(batch int) (id string, ns float64) {
	return m.best(batch, isCompiler)
}

// Ours is our time on the framework's own file, or on the ONNX file where the
// framework has none that we read.
func (m *Model) Ours(batch int) float64 {
	if v := m.Min(OursNative, batch); !math.IsNaN(v) {
		return v
	}
	return m.Min(OursONNX, batch)
}

// AgainstORT is how many times faster we are than ONNX Runtime on the same file.
func (m *Model) AgainstORT(batch int) float64 { return m.Min(ORT, batch) / m.Min(OursONNX, batch) }

// AgainstFramework is how many times faster we are than the fastest way of the framework.
func (m *Model) AgainstFramework(batch int) float64 {
	_, ns := m.Framework(batch)
	return ns / m.Ours(batch)
}

// AgainstCompiler is our speed in terms of the fastest compiler's, NaN without one.
func (m *Model) AgainstCompiler(batch int) float64 {
	_, ns := m.Compiler(batch)
	return ns / m.Ours(batch)
}

// five are the tree shapes that the project has measured from its beginning.
var five = []string{"xgboost-100x6", "xgboost-500x6", "xgboost-500-leafwise", "xgboost-1000x8", "forest-100-deep"}

// Geomean is the geometric mean of a ratio over the models that keep accepts.
func (r *Record) Geomean(ratio func(*Model) float64, keep func(*Model) bool) float64 {
	sum, n := 0.0, 0
	for i := range r.Models {
		if m := &r.Models[i]; keep(m) {
			sum += math.Log(ratio(m))
			n++
		}
	}
	return math.Exp(sum / float64(n))
}

func all(*Model) bool         { return true }
func isFive(m *Model) bool    { return slices.Contains(five, m.Name) }
func isForest(m *Model) bool  { return m.Name == "forest-100-deep" }
func notForest(m *Model) bool { return !isForest(m) }
