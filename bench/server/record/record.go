// Package record holds what a run of bench/server measured, and draws its page
// and charts. They are made of the record and nothing else.
package record

import (
	"encoding/json"
	"fmt"
	"math"
	"os"

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
	SliceMS  int               `json:"slice_ms"` // of one load
	Bodies   int               `json:"bodies"`   // different ones of one row
	Seconds  float64           `json:"seconds"`
	Servers  []Server          `json:"servers"`
}

// A Server is one contender with everything that was measured on it.
type Server struct {
	ID string `json:"id"`
	// Deviation is the largest distance of a probability from ONNX Runtime's;
	// absent where there is no model.
	Deviation *float64 `json:"deviation,omitempty"`
	Cells     []Cell   `json:"cells"`
	Idle      Memory   `json:"idle"` // ready, nothing asked yet
	Load      Memory   `json:"load"` // after all loads, the body that is too large not among them
	Large     *Large   `json:"large,omitempty"`
}

// A Cell is one load on one server: medians over the rounds, times in µs.
type Cell struct {
	Load     string  `json:"load"`
	Rate     float64 `json:"rate"`      // requests a second
	Best     float64 `json:"best_rate"` // of the best round
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	LeastP50 float64 `json:"least_p50_us"` // of the best round
	CPU      float64 `json:"cpu_us"`       // of the server for one request, user and system
	Requests int     `json:"requests"`     // of all rounds
}

// Memory is that of a server's process, in bytes, the largest over the rounds.
type Memory struct {
	RSS  int `json:"rss"`
	PSS  int `json:"pss"`
	Peak int `json:"peak_rss"` // since the start
}

// Large is what became of a body of 50 MB.
type Large struct {
	Bytes  int     `json:"bytes"`
	Status int     `json:"status"` // 0: no answer, the connection was cut or a minute passed
	MS     float64 `json:"ms"`
	Peak   int     `json:"peak_rss"` // of the process afterwards
}

// The contenders.
const (
	Floor   = "floor"
	Ours    = "ours"
	Silent  = "ours-nolog"
	FastAPI = "fastapi"
	MLS     = "mlserver"
	KServe  = "kserve"
)

// The loads. Those that start with "form-" are on our servers only.
const (
	One        = "c1" // one row a request, this many connections
	Eight      = "c8"
	SixtyFour  = "c64"
	Open       = "open-1000"    // one row, 1,000 requests a second whatever the answers take
	Batch      = "batch-1000"   // 1,000 rows a request, one connection
	FormSimple = "form-predict" // one row, one connection, a Go client
	FormJSON   = "form-v2"
	FormBinary = "form-v2-binary"
	FormGRPC   = "form-grpc"
)

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

// server is a contender; one that was not measured has no figures.
func (r *Record) server(id string) *Server {
	for i := range r.Servers {
		if r.Servers[i].ID == id {
			return &r.Servers[i]
		}
	}
	return &Server{ID: id}
}

// cell is a load on a contender; its figures are NaN where it was not measured.
func (r *Record) cell(id, load string) Cell {
	for _, c := range r.server(id).Cells {
		if c.Load == load {
			return c
		}
	}
	nan := math.NaN()
	return Cell{Load: load, Rate: nan, Best: nan, P50: nan, P99: nan, LeastP50: nan, CPU: nan}
}

// Ratio is how many times the requests a second of one contender are another's.
func (r *Record) Ratio(id, other, load string) float64 {
	return r.cell(id, load).Rate / r.cell(other, load).Rate
}
