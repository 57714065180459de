package record

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"online-inference/bench/report"
)

// The files of a record beside its own.
const (
	pageFile  = "server.md"
	lightFile = "server.svg"
	darkFile  = "server-dark.svg"
)

// Files are the page and the charts of a record by their names.
func (r *Record) Files() map[string][]byte {
	return map[string][]byte{pageFile: r.page(), lightFile: r.chart(report.Light()), darkFile: r.chart(report.Dark())}
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

// names are the contenders in the order of the page.
var names = []struct{ id, name string }{
	{Floor, "bare net/http, no model"},
	{Ours, "this server"},
	{Silent, "this server, log off"},
	{FastAPI, "FastAPI + ONNX Runtime"},
	{MLS, "MLServer + ONNX Runtime"},
	{KServe, "KServe + ONNX Runtime"},
}

// summary says in one sentence what the chart shows.
func (r *Record) summary() string {
	return fmt.Sprintf("With 8 connections the server answers %s requests a second of one row, %.0f %% of a bare net/http server and %s times FastAPI with ONNX Runtime; it takes %s MB of memory under load.",
		report.Digits(r.cell(Ours, Eight).Rate), 100*r.Ratio(Ours, Floor, Eight), report.Digits(r.Ratio(Ours, FastAPI, Eight)), report.Digits(mb(r.server(Ours).Load.Peak)))
}

// page writes the whole page.
func (r *Record) page() []byte {
	d := &report.Document{}
	d.P("# Performance of the server")
	if r.Quick {
		d.P("**A trial with few rounds: none of these figures is to be published.**")
	}
	d.P("What a prediction costs over HTTP and gRPC, beside a bare Go server and the usual Python servers with the same model. What scoring alone costs is on the [page of the engine](engine.md).")
	d.P("%s", r.summary())
	d.P("<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"%s\">\n  <img src=\"%s\" width=\"%d\" alt=\"%s\">\n</picture>", darkFile, lightFile, chartWidth, report.Escape(r.summary()))
	d.P("This page and its pictures are drawn from [server.json](server.json), the record of one run on %s (`%s`, %s minutes). `make bench-server` measures anew and writes all of them; `go run ./bench/server -render` draws them again from the record, and a test fails where they differ from it.", report.Day(r.Date), r.Command, report.Digits(r.Seconds/60))
	r.claims(d)
	r.oneRow(d)
	r.others(d)
	r.forms(d)
	r.memory(d)
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
	d.Table([]string{"claim, with the request log in a file, metrics and all checks on", "measured", "met"}, rows)
}

// each makes a table with a row for every contender that was measured.
func (r *Record) each(d *report.Document, header []string, cells func(s *Server) []string) {
	var rows [][]string
	for _, n := range names {
		if s := r.server(n.id); len(s.Cells) > 0 {
			rows = append(rows, append([]string{n.name}, cells(s)...))
		}
	}
	d.Table(header, rows)
}

func (r *Record) oneRow(d *report.Document) {
	d.P("## One row a request")
	d.P("Requests a second, and the median and 99th percentile of the time of an answer in ms. CPU is the server's own time for a request, user and system, in µs: it moves less than the others where the machine has more to do.")
	r.each(d, []string{"server", "1 connection: req/s", "p50", "p99", "8: req/s", "p50", "p99", "CPU µs", "64: req/s", "p50", "p99", "CPU µs"}, func(s *Server) (row []string) {
		for _, load := range []string{One, Eight, SixtyFour} {
			c := r.cell(s.ID, load)
			row = append(row, report.Digits(c.Rate), ms(c.P50), ms(c.P99))
			if load != One {
				row = append(row, report.Digits(c.CPU))
			}
		}
		return row
	})
	d.P("How many times the requests a second of each other server ours are:")
	r.each(d, []string{"server", "1 connection", "8", "64"}, func(s *Server) (row []string) {
		for _, load := range []string{One, Eight, SixtyFour} {
			row = append(row, report.Digits(r.Ratio(Ours, s.ID, load))+"×")
		}
		return row
	})
}

func (r *Record) others(d *report.Document) {
	d.P("## A steady rate, and many rows")
	d.P("On the left, 1,000 requests a second of one row are due at fixed times, however long the answers take, and the time of an answer counts from when its request was due: waiting behind slower ones is part of it. On the right, 1,000 rows of 13 columns in each request, one request after another. Times in ms.")
	r.each(d, []string{"server", "1,000/s: answered a second", "p50", "p99", "1,000 rows: p50", "p99", "CPU ms"}, func(s *Server) []string {
		open, batch := r.cell(s.ID, Open), r.cell(s.ID, Batch)
		row := []string{report.Digits(open.Rate), ms(open.P50), ms(open.P99)}
		if open.Rate < keepsUp {
			row[0] += ", falls behind"
		}
		return append(row, ms(batch.P50), ms(batch.P99), ms(batch.CPU))
	})
}

func (r *Record) forms(d *report.Document) {
	d.P("## The forms of a request")
	d.P("One row, one connection, one request after another, shipped defaults. The client is written in Go, and its own time is inside: less for the first three, which it has ready as bytes, than for gRPC, for which it is grpc-go.")
	var rows [][]string
	for _, f := range []struct{ load, name string }{
		{FormSimple, "/predict"}, {FormJSON, "Open Inference Protocol, JSON"}, {FormBinary, "Open Inference Protocol, binary tensors both ways"}, {FormGRPC, "Open Inference Protocol, gRPC"},
	} {
		c := r.cell(Ours, f.load)
		rows = append(rows, []string{f.name, ms(c.P50), ms(c.P99), report.Digits(c.CPU)})
	}
	d.Table([]string{"form", "p50, ms", "p99, ms", "CPU of the server, µs"}, rows)
}

func (r *Record) memory(d *report.Document) {
	d.P("## Memory, and a body of 50 MB")
	d.P("MB of the server's process: when it is ready and has not been asked, after all loads above, and the largest at any time up to there. Then it is sent a body of 50 MB, the kind that its own endpoint takes: what it answers within a minute, after how long, and its largest memory since.")
	r.each(d, []string{"server", "idle: RSS", "PSS", "loaded: RSS", "PSS", "peak RSS", "50 MB: status", "after ms", "peak RSS"}, func(s *Server) []string {
		size := func(n int) string { return report.Digits(mb(n)) }
		row := []string{size(s.Idle.RSS), size(s.Idle.PSS), size(s.Load.RSS), size(s.Load.PSS), size(s.Load.Peak)}
		if s.Large == nil {
			return append(row, "–", "–", "–")
		}
		return append(row, statusText(s.Large.Status), report.Digits(s.Large.MS), size(s.Large.Peak))
	})
}

func (r *Record) method(d *report.Document) {
	d.P("## How it is measured")
	d.P("- All servers run the bundled heart disease model, version 1 (13 columns, 150 trees): ours from its ONNX file by the engine, the others by ONNX Runtime on one thread. Every server with a model first answers all %d different rows; an answer further than 1e-5 from ONNX Runtime's ends the run. The loads cycle through all of them; other answers than 200 end the run too.", r.Bodies)
	d.P("- %d rounds; in each, every server is started, checked, warmed up, put under each load for %s s, and stopped, so that a change of the machine's pace meets all alike; each round begins with another server. Figures are medians over the rounds, memory is the largest.", r.Rounds, report.Digits(float64(r.SliceMS)/1e3))
	d.P("- Client and server share this machine's %d cores, so requests a second are lower bounds, for the fastest servers most of all. Loads of 1, 8 and 64 connections are from wrk on one thread; the others from a client in Go. The one of 1,000 requests a second keeps its times by nanosleep on a thread of its own: Go's timers are late by up to 1 ms in a program with connections, which would count as the server's.", r.Machine.Cores)
	d.P("- The bare server reads the body and writes a fixed answer of the same length. Ours has shipped defaults and writes its log to a file; it can answer more than the bare server because short requests do not pass through net/http ([why and how](../design.md#protocol)). FastAPI takes the same bodies and makes the same checks of names, widths and types ([fastapi_server.py](../../bench/server/peers/fastapi_server.py)), under one uvicorn with uvloop and httptools. MLServer and KServe take the Open Inference Protocol's JSON, one tensor a column; MLServer runs without worker processes (`parallel_workers` 0), which is its faster and smaller way. The peers' own logs go to files too.")
	d.P("- Limits: one machine, one architecture, one small model, loopback: no network, no TLS, no proxy.")
	d.P("Machine: %s, %d cores, %s MiB, %s. Load average before the start: %s. Date: %s.", r.Machine.CPU, r.Machine.Cores, report.Thousands(r.Machine.Memory), r.Machine.System, r.Machine.Load, r.Date)
	text := "Versions:"
	for i, name := range slices.Sorted(maps.Keys(r.Versions)) {
		if i > 0 {
			text += ","
		}
		text += " " + name + " " + r.Versions[name]
	}
	fmt.Fprintf(d, "%s.\n", text)
}

// ms writes µs as ms.
func ms(us float64) string { return report.Digits(us / 1e3) }

// WriteText writes the main figures as a plain table, for a terminal.
func (r *Record) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "server\tload\treq/s\tbest\tp50 µs\tp99 µs\tCPU µs\t")
	for _, s := range r.Servers {
		for _, c := range s.Cells {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.ID, c.Load, report.Digits(c.Rate), report.Digits(c.Best), report.Digits(c.P50), report.Digits(c.P99), report.Digits(c.CPU))
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
