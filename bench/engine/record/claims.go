package record

import (
	"fmt"
	"math"

	"online-inference/bench/report"
)

// A Claim is a bound that the engine means to keep, with what was measured.
type Claim struct {
	ID   string
	Text string
	// Got says what was measured, and on which model where it is the worst one.
	Got string
	Met bool
}

// bounds of the claims.
const (
	minGeomeanOne      = 5.0
	minGeomeanThousand = 3.0
	minRatio           = 2.0
	minRatioForest     = 1.7 // at batches of 1,000
	maxPipelineNS      = 2000
	maxLoadPerMB       = 5.0 // ms
	maxForestLoad      = 100 // ms
	maxHeapOfNodes     = 1.5
	nodeBytes          = 8  // with a float32 threshold
	wideNodeBytes      = 16 // with a float64 threshold, as LightGBM's own files have
)

// Claims are all bounds with what this record says of them.
func (r *Record) Claims() []Claim {
	one := func(m *Model) float64 { return m.AgainstORT(1) }
	thousand := func(m *Model) float64 { return m.AgainstORT(1000) }
	var claims []Claim
	geomean := func(id, what string, ratio func(*Model) float64, keep func(*Model) bool, bound float64) {
		g := r.Geomean(ratio, keep)
		claims = append(claims, Claim{id, fmt.Sprintf("%s at least %g times as fast as ONNX Runtime, geometric mean", what, bound), times(g), g >= bound})
	}
	geomean("ort-1-five", "one row, the five tree shapes:", one, isFive, minGeomeanOne)
	geomean("ort-1-all", "one row, all models:", one, all, minGeomeanOne)
	geomean("ort-1000-five", "batches of 1,000, the five tree shapes:", thousand, isFive, minGeomeanThousand)
	geomean("ort-1000-all", "batches of 1,000, all models:", thousand, all, minGeomeanThousand)
	least := func(id, text string, ratio func(*Model) float64, keep func(*Model) bool, bound float64) {
		name, got := r.worst(func(m *Model) float64 { return -ratio(m) }, keep)
		claims = append(claims, Claim{id, text, fmt.Sprintf("%s (%s)", times(-got), name), -got >= bound})
	}
	least("ort-1-each", fmt.Sprintf("one row: no model under %g times ONNX Runtime", minRatio), one, all, minRatio)
	least("ort-1000-each", fmt.Sprintf("batches of 1,000: no model but the deep forest under %g times ONNX Runtime", minRatio), thousand, notForest, minRatio)
	least("ort-1000-forest", fmt.Sprintf("batches of 1,000: the deep forest at least %g times ONNX Runtime", minRatioForest), thousand, isForest, minRatioForest)
	least("framework-1", "one row: faster than the framework's own fastest call, on every model", func(m *Model) float64 { return m.AgainstFramework(1) }, all, 1)
	least("framework-1000", "batches of 1,000: faster than the framework's own fastest call, on every model", func(m *Model) float64 { return m.AgainstFramework(1000) }, all, 1)
	most := func(id, text, unit string, of func(*Model) float64, keep func(*Model) bool, bound float64) {
		name, got := r.worst(of, keep)
		claims = append(claims, Claim{id, text, fmt.Sprintf("%s%s (%s)", report.Digits(got), unit, name), got <= bound})
	}
	most("pipeline", "a pipeline of 13 columns takes 2 µs or less for one row", " µs", func(m *Model) float64 { return m.Min(OursONNX, 1) / 1000 }, isPipeline, maxPipelineNS/1000)
	most("allocations", "no allocation in a run in the steady state", "", (*Model).allocations, all, 0)
	most("load", fmt.Sprintf("a model file of 100 kB or more loads in %g ms or less per MB, in a new process on all processors", maxLoadPerMB), " ms/MB", (*Model).loadPerMB, all, maxLoadPerMB)
	most("load-forest", fmt.Sprintf("the forest of 450,000 nodes loads in %d ms or less, in a new process on all processors", maxForestLoad), " ms", func(m *Model) float64 { return m.load(OursONNX).FirstAll }, isForest, maxForestLoad)
	most("memory", fmt.Sprintf("a loaded tree model takes at most %g times its nodes' size (%d bytes each, %d where thresholds are float64)", maxHeapOfNodes, nodeBytes, wideNodeBytes), " times", (*Model).heapOfNodes, hasNodes, maxHeapOfNodes)
	return claims
}

func isPipeline(m *Model) bool { return m.Nodes == 0 }
func hasNodes(m *Model) bool   { return m.Nodes > 0 }

// worst is the model with the largest value. A value that was not measured is
// worse than any.
func (r *Record) worst(of func(*Model) float64, keep func(*Model) bool) (name string, worst float64) {
	worst = math.Inf(-1)
	for i := range r.Models {
		m := &r.Models[i]
		if v := of(m); keep(m) && !(v <= worst) {
			name, worst = shapes[m.Name].short, v
		}
	}
	return name, worst
}

// allocations are those of our way that makes the most.
func (m *Model) allocations() float64 {
	most := math.NaN()
	for _, p := range m.Peers {
		if p.Allocations != nil && !(*p.Allocations <= most) {
			most = *p.Allocations
		}
	}
	return most
}

func (m *Model) load(id string) Load {
	for _, l := range m.Loads {
		if l.ID == id {
			return l
		}
	}
	return Load{First: math.NaN(), Min: math.NaN(), FirstAll: math.NaN()}
}

// smallFile is what a megabyte says nothing about: the fixed costs of a load
// weigh more than its size.
const smallFile = 100_000

// loadPerMB is the slowest of our first loads for the size of its file.
func (m *Model) loadPerMB() float64 {
	most := 0.0
	for _, l := range m.Loads {
		if isOurs(l.ID) && l.Bytes >= smallFile {
			most = max(most, l.FirstAll/float64(l.Bytes)*1e6)
		}
	}
	return most
}

// heapOfNodes is the largest memory of our loaded model in terms of its nodes.
func (m *Model) heapOfNodes() float64 {
	most := 0.0
	for _, l := range m.Loads {
		size := nodeBytes
		if l.ID == OursNative && m.Kind == "lightgbm" {
			size = wideNodeBytes
		}
		if isOurs(l.ID) {
			most = max(most, float64(l.Heap)/float64(m.Nodes*size))
		}
	}
	return most
}

// Reasons say why a claim is not met, by its id. The page prints them, and the
// tests fail on a claim that is not met and has none, and on a reason without need.
var Reasons = map[string]string{
	"load": "A first load in a new process touches all its memory for the first time, at 1.5 to 2.5 µs a page on the machine of the record, whose speed changes by half from minute to minute: three files of 0.4 to 1 MB took 5.5 to 5.7 ms a MB in this record and 3.3 to 4.0 in one of the hour before, in which two others, now at 3.7 and 4.8, took 6.6 and 6.7. Loaded again, in memory that is there, every file takes less than 4.",
}

// slowerThanCompiler says why a compiler is faster, by the beginning of its id.
var slowerThanCompiler = map[string]string{
	"lleaves": "lleaves turns the trees of one model into machine code with the thresholds inside the instructions and no loads for nodes, and orders the code for the processor it runs on. It needs LLVM and seconds for each model; the engine reads a file and is ready in milliseconds.",
	"tl2cgen": "tl2cgen turns every node into a branch of C code that a compiler translates for this processor. It needs a C compiler and up to minutes for each model; the engine reads a file and is ready in milliseconds.",
}

// times writes a ratio.
func times(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f×", v)
	}
	return report.Digits(v) + "×"
}
