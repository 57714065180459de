package record

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"online-inference/bench/report"
)

// The files of a record beside its own.
const (
	pageFile  = "engine.md"
	lightFile = "engine.svg"
	darkFile  = "engine-dark.svg"
)

// Files are the page and the charts of a record by their names.
func (r *Record) Files() map[string][]byte {
	return map[string][]byte{pageFile: r.page(), lightFile: r.chart(light), darkFile: r.chart(dark)}
}

// Draw writes the page and the charts into a folder.
func (r *Record) Draw(folder string) error {
	for name, content := range r.Files() {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// page writes the whole page.
func (r *Record) page() []byte {
	d := &report.Document{}
	d.P("# Performance of the engine")
	if r.Quick {
		d.P("**A trial with few rounds: none of these figures is to be published.**")
	}
	d.P("How long it takes to score a row with a model that is in memory, beside ONNX Runtime, the frameworks that trained the models, and the compilers of tree models; how long a model takes to load; what it holds. No server and no network: those are measured elsewhere.")
	d.P("%s", r.summary())
	d.P("<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"%s\">\n  <img src=\"%s\" width=\"%d\" alt=\"%s\">\n</picture>", darkFile, lightFile, chartWidth, report.Escape(r.summary()))
	d.P("This page and its pictures are drawn from [engine.json](engine.json), the record of one run on %s (`%s`, %s minutes). `make bench-engine` measures anew and writes all of them; `go run ./bench/engine -render` draws them again from the record, and a test fails where they differ from it.", report.Day(r.Date), r.Command, report.Digits(r.Seconds/60))
	r.claims(d)
	r.againstORT(d)
	r.againstFrameworks(d)
	r.againstCompilers(d)
	r.loading(d)
	r.scaling(d)
	r.everyCall(d)
	r.method(d)
	return d.Bytes()
}

func (r *Record) claims(d *report.Document) {
	d.P("## What is claimed")
	var rows [][]string
	for _, c := range r.Claims() {
		met := "yes"
		if !c.Met {
			met = "**no**"
		}
		rows = append(rows, []string{c.Text, c.Got, met})
	}
	d.Table([]string{"claim", "measured, the worst where it is for each", "met"}, rows)
	for _, c := range r.Claims() {
		if !c.Met {
			d.P("- Not met: %s. %s", c.Text, Reasons[c.ID])
		}
	}
}

func (r *Record) againstORT(d *report.Document) {
	d.P("## ONNX Runtime")
	d.P("Both read the same ONNX file and answer label and probabilities. ONNX Runtime is called through its C interface with all tensors made beforehand; ours includes the copy of the row into the batch. Times in µs a row, minima; \"by medians\" is the ratio of the medians of all laps.")
	var rows [][]string
	for i := range r.Models {
		m := &r.Models[i]
		cells := []string{shapes[m.Name].long}
		for _, batch := range []int{1, 1000} {
			us := func(id string) string { return report.Digits(m.Min(id, batch) / 1e3) }
			medians := m.cell(ORT, batch).Median / m.cell(OursONNX, batch).Median
			cells = append(cells, us(OursONNX), us(ORT), "**"+times(m.AgainstORT(batch))+"**", times(medians), us(ORTPython))
		}
		rows = append(rows, cells)
	}
	last := []string{"geometric mean"}
	for _, batch := range []int{1, 1000} {
		medians := func(m *Model) float64 { return m.cell(ORT, batch).Median / m.cell(OursONNX, batch).Median }
		last = append(last, "", "", "**"+times(r.Geomean(func(m *Model) float64 { return m.AgainstORT(batch) }, all))+"**", times(r.Geomean(medians, all)), "")
	}
	d.Table([]string{"model", "1 row: ours", "ONNX Runtime", "ratio", "by medians", "its Python call", "1,000 rows: ours", "ONNX Runtime", "ratio", "by medians", "its Python call"}, append(rows, last))
}

func (r *Record) againstFrameworks(d *report.Document) {
	d.P("## The frameworks")
	d.P("Ours reads the framework's own file, or the ONNX file where the framework is scikit-learn. Beside it the fastest of the framework's own calls, which need not be the same one for one row and for a thousand; [all of them](#every-call) are below. Times in µs a row, minima. CatBoost's wheel and scikit-learn can be called from Python only, and for one row that is most of what they take: their column for a thousand rows says more of the engines.")
	var rows [][]string
	for i := range r.Models {
		m := &r.Models[i]
		cells := []string{shapes[m.Name].long}
		for _, batch := range []int{1, 1000} {
			id, ns := m.Framework(batch)
			cells = append(cells, report.Digits(m.Ours(batch)/1e3), wayNames[id], report.Digits(ns/1e3), "**"+times(m.AgainstFramework(batch))+"**")
		}
		rows = append(rows, cells)
	}
	d.Table([]string{"model", "1 row: ours", "fastest call", "takes", "ratio", "1,000 rows: ours", "fastest call", "takes", "ratio"}, rows)
}

func (r *Record) againstCompilers(d *report.Document) {
	d.P("## The compilers")
	d.P("lleaves and tl2cgen turn one model into machine code before it is used. Their functions are called without Python; ours reads the framework's own file. Times in µs a row, minima.")
	var rows [][]string
	slower := map[string]bool{}
	for i := range r.Models {
		m := &r.Models[i]
		if id, _ := m.Compiler(1); id == "" {
			continue
		}
		cells := []string{shapes[m.Name].long}
		for _, batch := range []int{1, 1000} {
			id, ns := m.Compiler(batch)
			cells = append(cells, report.Digits(m.Ours(batch)/1e3), wayNames[id], report.Digits(ns/1e3), "**"+times(m.AgainstCompiler(batch))+"**")
			for prefix := range slowerThanCompiler {
				slower[prefix] = slower[prefix] || strings.HasPrefix(id, prefix) && m.AgainstCompiler(batch) < 1
			}
		}
		rows = append(rows, cells)
	}
	d.Table([]string{"model", "1 row: ours", "compiler", "takes", "ratio", "1,000 rows: ours", "compiler", "takes", "ratio"}, rows)
	for _, prefix := range slices.Sorted(maps.Keys(slower)) {
		if slower[prefix] {
			d.P("Why %s is ahead where the ratio is under 1: %s", prefix, slowerThanCompiler[prefix])
		}
	}
}

func (r *Record) loading(d *report.Document) {
	d.P("## Load and memory")
	d.P("\"First\" is the first load of a new process on one thread from a file in the page cache, \"again\" the least of those after it; \"first, all\" is the first load of ours in a new process that may use all processors, as programs do unless they are told otherwise. Of several processes the fastest counts. \"ms/MB\" is \"first, all\" for ours and \"first\" for the others. Memory is what the process has more in RAM after the first load (for a peer, also one scored row) than before; for ours also what the model holds on the heap after a collection. Ours is `engine.LoadFile`, which maps a file of 64 kB or more while it loads, as the server does.")
	var rows [][]string
	for i := range r.Models {
		m := &r.Models[i]
		for _, l := range m.Loads {
			mb, held, all, perMB := float64(l.Bytes)/1e6, "", "", report.Digits(l.First/float64(l.Bytes)*1e6)
			if isOurs(l.ID) {
				held, all = report.Digits(float64(l.Heap)/1e6), report.Digits(l.FirstAll)
				perMB = report.Digits(l.FirstAll / mb)
			}
			rows = append(rows, []string{shapes[m.Name].short, wayNames[l.ID], report.Digits(mb), report.Digits(l.First), all, report.Digits(l.Min), perMB, report.Digits(max(0, float64(l.After-l.Before)) / 1e6), held, report.Digits(float64(l.After) / 1e6)})
		}
	}
	d.Table([]string{"model", "who", "file, MB", "first, ms", "first, all, ms", "again, ms", "ms/MB", "memory, MB", "heap, MB", "whole process, MB"}, rows)
}

func (r *Record) scaling(d *report.Document) {
	d.P("## Two threads")
	d.P("Everything else on this page is on one thread. Large batches may use more: µs a row on one and on two threads, minima. A batch larger than a model takes at once is left out.")
	var rows [][]string
	for i := range r.Models {
		m := &r.Models[i]
		for _, one := range m.Scaling {
			for _, two := range m.Scaling {
				if one.Threads == 1 && two.Threads == 2 && one.ID == two.ID && one.Batch == two.Batch {
					rows = append(rows, []string{shapes[m.Name].short, wayNames[one.ID], report.Thousands(one.Batch), report.Digits(one.Min / 1e3), report.Digits(two.Min / 1e3), times(one.Min / two.Min)})
				}
			}
		}
	}
	d.Table([]string{"model", "file", "rows", "1 thread", "2 threads", "ratio"}, rows)
}

func (r *Record) everyCall(d *report.Document) {
	d.P("## Every call")
	d.P("µs a row, minima over all laps, with the median in brackets.")
	calls := map[string]string{}
	for i := range r.Models {
		m := &r.Models[i]
		var rows [][]string
		header := []string{shapes[m.Name].long, "largest deviation"}
		for _, p := range m.Peers {
			calls[p.ID] = p.Call
			cells := []string{wayNames[p.ID], fmt.Sprintf("%.1e", p.Deviation)}
			if p.Refused {
				cells[1] += ", refused"
			}
			for _, c := range p.Cells {
				cells = append(cells, fmt.Sprintf("%s (%s)", report.Digits(c.Min/1e3), report.Digits(c.Median/1e3)))
				if len(cells) > len(header) {
					header = append(header, "rows: "+report.Thousands(c.Batch))
				}
			}
			rows = append(rows, cells)
		}
		for j := range rows {
			rows[j] = append(rows[j], slices.Repeat([]string{"–"}, len(header)-len(rows[j]))...)
		}
		d.Table(header, rows)
	}
	d.P("Deviation is the largest distance of a probability from the framework's own, over all %s rows. What is off by more than 1e-5 is refused and not timed.", r.rows())
	d.P("What exactly is timed:")
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		fmt.Fprintf(d, "- %s: %s\n", wayNames[id], calls[id])
	}
	fmt.Fprintln(d)
}

func (r *Record) rows() string {
	if len(r.Models) == 0 {
		return "0"
	}
	return report.Thousands(r.Models[0].Rows)
}

func (r *Record) method(d *report.Document) {
	d.P("## How it is measured")
	d.P("- Every call scores other rows than the one before, over %s different rows. A benchmark that scores one row again and again lets the processor's branch predictor learn the path through each tree, which makes engines that branch look several times faster than they are in service.", r.rows())
	d.P("- All ways to score a model take turns of %d ms, %d rounds, each round begun by the next one, in two processes of which only one works at a time: ours, and one for all peers. A lap is 200 rows, or a batch, or what fits in 20 ms; the first lap of each turn is not counted. Minimum and median are over laps.", r.SliceMS, r.Rounds)
	d.P("- One thread everywhere: ONNX Runtime with one intra-op and one inter-op thread, sequential, all graph optimisations; the others by their own settings and `OMP_NUM_THREADS=1`; ours by `GOMAXPROCS=1`.")
	d.P("- ONNX Runtime, XGBoost, LightGBM, lleaves and tl2cgen are called from a loop in C ([clock.c](../../bench/engine/peers/clock.c)) with inputs prepared beforehand, so that no call of Python's is charged to them; their Python calls are listed beside. CatBoost's wheel and scikit-learn have no C interface.")
	d.P("- CatBoost's ONNX file ends in a ZipMap node, which builds a map for each row; it is taken out, and the other converters are told to leave it out, so that ONNX Runtime is not charged for it.")
	d.P("- The data are random-normal columns with a noisy label ([data.py](../../bench/engine/peers/data.py)); the models are trained by [models.py](../../bench/engine/peers/models.py) with the versions of [requirements.txt](../../bench/engine/requirements.txt).")
	d.P("- Limits: one machine, one architecture, two classes, models that fit in the caches or nearly so. Figures under a microsecond move by some per cent from run to run.")
	d.P("Machine: %s, %d cores, %s MiB, %s. Load average before the start: %s. Date: %s.", r.Machine.CPU, r.Machine.Cores, report.Thousands(r.Machine.Memory), r.Machine.System, r.Machine.Load, r.Date)
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		versions = append(versions, name+" "+r.Versions[name])
	}
	fmt.Fprintf(d, "Versions: %s.\n", strings.Join(versions, ", "))
}

// WriteText writes the ratios as a plain table, for a terminal.
func (r *Record) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "µs a row, minima\trows\tours, ONNX\tORT\tratio\tours, native\tframework\tratio\tcompiler\tratio\t")
	for i := range r.Models {
		m := &r.Models[i]
		for _, batch := range []int{1, 1000} {
			id, framework := m.Framework(batch)
			_, compiler := m.Compiler(batch)
			fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\t%s\t%s %s\t%s\t%s\t%s\t\n", m.Name, batch, report.Digits(m.Min(OursONNX, batch)/1e3), report.Digits(m.Min(ORT, batch)/1e3), times(m.AgainstORT(batch)),
				report.Digits(m.Ours(batch)/1e3), report.Digits(framework/1e3), id, times(m.AgainstFramework(batch)), report.Digits(compiler/1e3), times(m.AgainstCompiler(batch)))
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, c := range r.Claims() {
		met := "met    "
		if !c.Met {
			met = "NOT MET"
		}
		fmt.Fprintf(w, "%s  %s: %s\n", met, c.Text, c.Got)
	}
	return nil
}
