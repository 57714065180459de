package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"online-inference/bench/engine/record"
	"online-inference/bench/report"
)

// tolerated is how far an answer may lie from the framework's: what float32
// sums in another order amount to in a thousand trees, and room.
const tolerated = 1e-5

// A bench is one run of the benchmark.
type bench struct {
	root     string // of the project
	cache    string
	rounds   int
	ms       int // of a slice
	batches  []int
	large    []int // batches for the scaling
	progress func(format string, args ...any)
}

func (b *bench) python() string { return filepath.Join(b.cache, "venv", "bin", "python") }
func (b *bench) models() string { return filepath.Join(b.cache, "models") }
func (b *bench) script(name string) string {
	return filepath.Join(b.root, "bench", "engine", "peers", name)
}

// A slicer gives laps of one way, in nanoseconds a row; a worker is one.
type slicer interface {
	slice(who string, batch, ms int) ([]float64, error)
}

// A contestant is one way to score with the worker that has it.
type contestant struct {
	worker slicer
	peer   record.Peer
	laps   map[int][]float64 // by batch
}

// model measures one model: answers, times in turns, loads, scaling.
func (b *bench) model(ctx context.Context, name string) (record.Model, error) {
	m := record.Model{Name: name}
	dir := filepath.Join(b.models(), name)
	f, err := openFolder(dir)
	if err != nil {
		return m, err
	}
	m.Kind, m.Nodes, m.Rows = f.Kind, f.Nodes, f.Rows
	if m.Peers, err = b.race(ctx, dir); err != nil {
		return m, err
	}
	if m.Loads, err = b.load(ctx, f); err != nil {
		return m, err
	}
	m.Scaling, err = b.scale(ctx, f)
	return m, err
}

// race lets all ways score the model in turns and says what each took.
func (b *bench) race(ctx context.Context, dir string) (peers []record.Peer, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ours, err := startWorker(ctx, oneThread, self, "-serve", dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	theirs, err := startWorker(ctx, oneThread, b.python(), b.script("worker.py"), dir, b.cache)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, theirs.stop()) }()
	field, err := enter(ours, theirs)
	if err != nil {
		return nil, err
	}
	if err := b.turns(field); err != nil {
		return nil, err
	}
	for _, c := range field {
		for _, batch := range b.batches {
			if laps := c.laps[batch]; len(laps) > 0 {
				c.peer.Cells = append(c.peer.Cells, record.Cell{Batch: batch, Min: report.Round(slices.Min(laps)), Median: report.Round(report.Median(laps)), Laps: len(laps)})
			}
		}
		peers = append(peers, c.peer)
	}
	return peers, nil
}

// enter makes contestants of what the workers present. An answer that is not the
// framework's takes part in no race; if it is ours, there is none.
func enter(ours, theirs *worker) ([]*contestant, error) {
	var field []*contestant
	for _, w := range []*worker{ours, theirs} {
		for _, h := range w.hello {
			c := &contestant{worker: w, laps: map[int][]float64{}}
			c.peer = record.Peer{ID: h.ID, Call: h.Call, Deviation: h.Deviation, Allocations: h.Allocations}
			c.peer.Refused = !(h.Deviation <= tolerated)
			if c.peer.Refused && w == ours {
				return nil, fmt.Errorf("%s is off by %g from the framework's answers; %g is tolerated", h.ID, h.Deviation, tolerated)
			}
			field = append(field, c)
		}
	}
	return field, nil
}

// turns gives each contestant a slice a round, the next one first each time, so
// that a change of the machine's pace meets all of them.
func (b *bench) turns(field []*contestant) error {
	for _, batch := range b.batches {
		for round := range b.rounds {
			for i := range field {
				c := field[(i+round)%len(field)]
				if c.peer.Refused {
					continue
				}
				laps, err := c.worker.slice(c.peer.ID, batch, b.ms)
				if err != nil {
					return err
				}
				c.laps[batch] = append(c.laps[batch], laps...)
			}
		}
	}
	return nil
}

// load loads each file of the model in processes of their own.
func (b *bench) load(ctx context.Context, f *folder) ([]record.Load, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var commands [][]string
	for _, id := range slices.Sorted(maps.Keys(f.files())) {
		commands = append(commands, []string{self, "-load", id, f.dir})
	}
	for _, way := range []string{"ort", f.Kind} {
		commands = append(commands, []string{b.python(), b.script("load.py"), f.dir, way})
	}
	var results []record.Load
	for _, command := range commands {
		x, err := fastestLoad(ctx, command, oneThread)
		if err != nil {
			return nil, err
		}
		if command[0] == self {
			free, err := fastestLoad(ctx, command, nil)
			if err != nil {
				return nil, err
			}
			x.FirstAll = free.First
		}
		results = append(results, x)
	}
	return results, nil
}

// loadProcesses is how many processes load a file for the first time.
const loadProcesses = 5

// fastestLoad starts processes that load a file and tells of the one whose first
// load was the fastest.
func fastestLoad(ctx context.Context, command, environ []string) (fastest record.Load, err error) {
	for i := range loadProcesses {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = append(os.Environ(), environ...)
		out, err := cmd.Output()
		if err != nil {
			return fastest, fmt.Errorf("%v: %w: %s", command, err, stderr(err))
		}
		var x record.Load
		if err := json.Unmarshal(out, &x); err != nil {
			return fastest, fmt.Errorf("%v: %w", command, err)
		}
		x.First, x.Min = report.Round(x.First), report.Round(x.Min)
		if i == 0 || x.First < fastest.First {
			fastest = x
		}
	}
	return fastest, nil
}

// scale compares our own large batches on one thread and on all.
func (b *bench) scale(ctx context.Context, f *folder) (all []record.Scaling, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	laps := map[record.Scaling][]float64{}
	workers := map[int]*worker{}
	for _, threads := range []int{1, 2} {
		w, err := startWorker(ctx, []string{fmt.Sprintf("GOMAXPROCS=%d", threads)}, self, "-serve", f.dir)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.stop()) }()
		workers[threads] = w
	}
	for range max(1, b.rounds/6) {
		for _, threads := range []int{1, 2} {
			for _, h := range workers[threads].hello {
				if f.Native != "" && h.ID != record.OursNative {
					continue // both files become the same trees
				}
				for _, batch := range b.large {
					if batch > h.MaxRows {
						continue
					}
					key := record.Scaling{ID: h.ID, Batch: batch, Threads: threads}
					more, err := workers[threads].slice(h.ID, batch, b.ms)
					if err != nil {
						return nil, err
					}
					laps[key] = append(laps[key], more...)
				}
			}
		}
	}
	for key, l := range laps {
		key.Min, key.Median = report.Round(slices.Min(l)), report.Round(report.Median(l))
		all = append(all, key)
	}
	slices.SortFunc(all, func(x, y record.Scaling) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), x.Batch-y.Batch, x.Threads-y.Threads)
	})
	return all, nil
}
