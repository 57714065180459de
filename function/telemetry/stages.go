package telemetry

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Stages measures the start of the process: how long each stage took, in order.
type Stages struct {
	mu    sync.Mutex
	last  time.Time
	names []string
	took  []time.Duration
}

// NewStages starts the measurement; runtime is what the process took until now.
func NewStages(runtime time.Duration) *Stages {
	return &Stages{last: time.Now(), names: []string{"runtime"}, took: []time.Duration{runtime}}
}

// Done ends a stage; the next one begins.
func (s *Stages) Done(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.names = append(s.names, name)
	s.took = append(s.took, now.Sub(s.last))
	s.last = now
}

// Log adds each stage and their sum, in milliseconds, to a line.
func (s *Stages) Log(e *zerolog.Event) {
	var sum time.Duration
	s.each(func(name string, took time.Duration) {
		sum += took
		e.Float64(name+"_ms", Milliseconds(took))
	})
	e.Float64("start_ms", Milliseconds(sum))
}

// each calls f with every stage, in order.
func (s *Stages) each(f func(name string, took time.Duration)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, name := range s.names {
		f(name, s.took[i])
	}
}
