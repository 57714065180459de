package main

import "time"

// The lines between the benchmark and a worker: the worker says which ways to
// score it has, then answers each request for a slice of time with the laps it
// made. Only one worker works at a time.

// A hello is one way to score, as its worker presents it.
type hello struct {
	ID          string   `json:"id"`
	Call        string   `json:"call"`
	Deviation   float64  `json:"deviation"`
	Allocations *float64 `json:"allocations,omitempty"`
	MaxRows     int      `json:"max_rows,omitempty"`
}

// An ask is for a slice of time of one way, in batches of one size.
type ask struct {
	Who   string `json:"who"`
	Batch int    `json:"batch"`
	MS    int    `json:"ms"`
}

// ourHello presents one of our ways.
func ourHello(id string, deviation, allocations float64, maxRows int) hello {
	const call = "Batch.Reset, a copy of the rows into its inputs, Batch.Run"
	return hello{ID: id, Call: call, Deviation: deviation, Allocations: &allocations, MaxRows: maxRows}
}

// lapRows is how many rows a lap has, and longestLap how long it may take: the
// same for everybody, so that a minimum is not taken over luckier rows.
const (
	lapRows    = 200
	longestLap = 20 * time.Millisecond
)

// A stopwatch makes laps of batches of one size and goes on with the next row
// where it stopped. peers/worker.py has its twin.
type stopwatch struct {
	batch int
	lap   func(batch, start, calls int) (time.Duration, error)
	next  int
	calls int           // in a lap; 0 before the first slice
	last  time.Duration // of the last lap
}

// slice gives the nanoseconds a row of each lap within about the given time, one
// lap at least. A lap before them warms up what the other workers have used
// since, but for laps that are longer than the slice and warm up by themselves.
func (s *stopwatch) slice(length time.Duration) ([]float64, error) {
	if s.calls == 0 {
		took, err := s.one(1)
		if err != nil {
			return nil, err
		}
		s.calls = min(max(1, lapRows/s.batch), max(1, int(longestLap/(took+1))))
	}
	began := time.Now()
	if s.last < length {
		if _, err := s.one(s.calls); err != nil {
			return nil, err
		}
	}
	var laps []float64
	for len(laps) == 0 || time.Since(began) < length {
		took, err := s.one(s.calls)
		if err != nil {
			return nil, err
		}
		laps = append(laps, float64(took.Nanoseconds())/float64(s.calls*s.batch))
	}
	return laps, nil
}

func (s *stopwatch) one(calls int) (time.Duration, error) {
	took, err := s.lap(s.batch, s.next, calls)
	s.next += calls
	s.last = took
	return took, err
}
