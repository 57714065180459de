package figures

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"online-inference/lab/record"
)

// AnswerGap is how long a version may be silent, in milliseconds, and still
// count as answering: with a share of 10 % and 20 requests a second it is
// silent for longer in one of 500 cases.
const AnswerGap = 3000

// Blink is how long pods have to be there together, in milliseconds, for
// PeakActive. A Deployment counts what its ReplicaSets ask for; each of these
// makes and deletes its own pods, so that a new one can be seen a moment before
// an old one is told to end.
const Blink = 500

// Count says how a client's requests went.
type Count struct {
	N, Slow, Failed int
	// Errors counts the failed ones by status or error.
	Errors map[string]int
}

// Bound is the share of failed requests that is still likely (95 %) where none
// failed: the rule of three. It is the share itself where some did, and 1
// where none was made.
func (c Count) Bound() float64 {
	switch {
	case c.N == 0:
		return 1
	case c.Failed == 0:
		return min(1, 3/float64(c.N))
	}
	return float64(c.Failed) / float64(c.N)
}

// Figures are the numbers of a run. Times are in seconds; what follows a change
// is counted from the trigger to the run's end, or, without a trigger, from its
// beginning.
type Figures struct {
	// Clients has the requests by client.
	Clients map[string]Count
	// Short is for how long fewer than Want pods were ready.
	Want  int
	Short float64
	// PeakActive is the most pods that were not terminating for at least Blink,
	// PeakTerminating the most that were, PeakAll the most of both together.
	PeakActive, PeakTerminating, PeakAll int
	// LeastReady is the fewest that were ready at one time.
	LeastReady int
	// Mixed is for how long both versions answered fresh connections.
	Mixed float64
	// Done is the time from trigger to done; NaN where there is no such pair.
	Done     float64
	Restarts int
}

// All adds up the clients.
func (f *Figures) All() Count {
	sum := Count{Errors: map[string]int{}}
	for _, c := range f.Clients {
		sum.N += c.N
		sum.Slow += c.Slow
		sum.Failed += c.Failed
		for name, n := range c.Errors {
			sum.Errors[name] += n
		}
	}
	return sum
}

// Of computes the figures of a run that was carried through.
func Of(run *record.Run) (*Figures, error) {
	if n := len(run.Lines); n == 0 || run.Lines[n-1].End == nil {
		return nil, errors.New("the record has no end: the run was cut short")
	}
	if failed := run.Lines[len(run.Lines)-1].End.Failed; failed != "" {
		return nil, fmt.Errorf("the experiment failed: %s", failed)
	}
	from, to := int64(0), End(run)
	trigger, triggered := MarkAt(run, record.MarkTrigger)
	if triggered {
		from = trigger
	}
	f := &Figures{Want: run.Header.Want, Done: math.NaN(), Clients: counts(run)}
	if done, ok := MarkAt(run, record.MarkDone); ok && triggered {
		f.Done = float64(done-trigger) / 1000
	}
	lanes := Lanes(run)
	steps := Steps(lanes)
	if f.Want > 0 {
		f.Short = float64(Below(steps, f.Want, from, to)) / 1000
	}
	f.LeastReady = math.MaxInt
	for i, s := range steps {
		if i+1 < len(steps) && steps[i+1].T <= from || s.T >= to && len(steps) > 1 {
			continue // over before the trigger; nothing lasts at the end
		}
		if n := s.Active(); n > f.PeakActive && together(steps, i, to) >= Blink {
			f.PeakActive = n
		}
		f.PeakTerminating = max(f.PeakTerminating, s.By[Terminating])
		f.PeakAll = max(f.PeakAll, s.All())
		f.LeastReady = min(f.LeastReady, s.By[Ready])
	}
	if len(steps) == 0 || steps[0].T > from {
		f.LeastReady = 0
	}
	f.Mixed = float64(Overlap(Answering(run, AnswerGap), from, to)) / 1000
	for _, l := range lanes {
		if n := len(l.Restarts); n > 0 {
			f.Restarts += int(l.Restarts[n-1].Count)
		}
	}
	return f, nil
}

// together is for how long there were at least as many active pods as after step
// i, around it, until the end of a run at to.
func together(steps []Step, i int, to int64) int64 {
	n, first, last := steps[i].Active(), i, i+1
	for first > 0 && steps[first-1].Active() >= n {
		first--
	}
	for last < len(steps) && steps[last].Active() >= n {
		last++
	}
	if last < len(steps) {
		to = steps[last].T
	}
	return to - steps[first].T
}

// counts has an entry for each client of the header, and for each that made a
// request.
func counts(run *record.Run) map[string]Count {
	all := map[string]Count{}
	for name := range run.Header.Clients {
		all[name] = Count{Errors: map[string]int{}}
	}
	for _, line := range run.Lines {
		r := line.Request
		if r == nil {
			continue
		}
		c, ok := all[r.Client]
		if !ok {
			c.Errors = map[string]int{}
		}
		c.N++
		switch ClassOf(r, run.Header.Clients[r.Client]) {
		case Late:
			c.Slow++
		case Lost:
			c.Failed++
			c.Errors[errorOf(r)]++
		case Answered:
		}
		all[r.Client] = c
	}
	return all
}

// errorOf names a failure: what the connection met, else the status; an answer
// that came after the time-out is one.
func errorOf(r *record.Request) string {
	switch {
	case r.Error != "":
		return r.Error
	case r.OK():
		return "timeout"
	case r.Status == 0:
		return "no answer"
	}
	return fmt.Sprint(r.Status)
}

// Spread is a figure over several runs.
type Spread struct {
	Median, Min, Max float64
	N                int
}

// SpreadOf is the spread of some values; those that are NaN were not measured
// and do not count.
func SpreadOf(values ...float64) Spread {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	n := len(values)
	if n == 0 {
		return Spread{Median: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	}
	slices.Sort(values)
	return Spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1], n}
}

// Summary is an experiment's figures over its runs.
type Summary struct {
	Runs int
	Want int
	// Clients adds up the requests of all runs.
	Clients map[string]Count
	// Failed is the number of failed requests in a run, over all clients.
	Failed                               Spread
	Short, Mixed, Done                   Spread
	PeakActive, PeakTerminating, PeakAll Spread
	LeastReady, Restarts                 Spread
}

// Requests adds up the clients.
func (s *Summary) Requests() Count {
	f := Figures{Clients: s.Clients}
	return f.All()
}

// Summarise puts the figures of some runs together.
func Summarise(all []*Figures) *Summary {
	s := &Summary{Runs: len(all), Clients: map[string]Count{}}
	over := func(value func(*Figures) float64) Spread {
		values := make([]float64, len(all))
		for i, f := range all {
			values[i] = value(f)
		}
		return SpreadOf(values...)
	}
	for _, f := range all {
		s.Want = max(s.Want, f.Want)
		for name, c := range f.Clients {
			sum := s.Clients[name]
			sum.N += c.N
			sum.Slow += c.Slow
			sum.Failed += c.Failed
			if sum.Errors == nil {
				sum.Errors = map[string]int{}
			}
			for _, e := range slices.Sorted(maps.Keys(c.Errors)) {
				sum.Errors[e] += c.Errors[e]
			}
			s.Clients[name] = sum
		}
	}
	s.Failed = over(func(f *Figures) float64 { return float64(f.All().Failed) })
	s.Short = over(func(f *Figures) float64 { return f.Short })
	s.Mixed = over(func(f *Figures) float64 { return f.Mixed })
	s.Done = over(func(f *Figures) float64 { return f.Done })
	s.PeakActive = over(func(f *Figures) float64 { return float64(f.PeakActive) })
	s.PeakTerminating = over(func(f *Figures) float64 { return float64(f.PeakTerminating) })
	s.PeakAll = over(func(f *Figures) float64 { return float64(f.PeakAll) })
	s.LeastReady = over(func(f *Figures) float64 { return float64(f.LeastReady) })
	s.Restarts = over(func(f *Figures) float64 { return float64(f.Restarts) })
	return s
}

// MedianRun is the index of the run that a picture shows: the one whose time to
// done is nearest to the median, by failed requests where that is equal or was
// not measured, the earlier one where both are.
func MedianRun(all []*Figures) int {
	s := Summarise(all)
	best, bestBy := 0, [2]float64{math.Inf(1), math.Inf(1)}
	for i, f := range all {
		by := [2]float64{math.Abs(f.Done - s.Done.Median), math.Abs(float64(f.All().Failed) - s.Failed.Median)}
		if math.IsNaN(by[0]) {
			by[0] = 0
			if !math.IsNaN(s.Done.Median) {
				by[0] = math.MaxFloat64 // a run that was never done is not the median of those that were
			}
		}
		if slices.Compare(by[:], bestBy[:]) < 0 {
			best, bestBy = i, by
		}
	}
	return best
}
