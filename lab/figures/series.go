package figures

import (
	"cmp"
	"slices"

	"online-inference/lab/record"
)

// Step says how many pods there are from T on.
type Step struct {
	T int64
	// By counts pods by state, Of by version those that are neither stopped
	// for good nor terminating, ReadyOf those of them that are ready.
	By          [States]int
	Of, ReadyOf map[string]int
}

// Active counts the pods that are not terminating and not over.
func (s Step) Active() int {
	n := 0
	for _, of := range s.Of {
		n += of
	}
	return n
}

// All counts every pod but those that are over.
func (s Step) All() int { return s.Active() + s.By[Terminating] }

// over says that a pod has stopped and no container of it will start again.
func over(s Segment) bool {
	switch s.Reason {
	case "Failed", "Succeeded", "Completed", "Evicted", "Preempted", "Preempting":
		return s.State == Stopped
	}
	return false
}

// Steps counts pods over time. It begins where the first pod was seen; there is
// no step between two moments at which nothing changed.
func Steps(lanes []*Lane) []Step {
	var times []int64
	for _, l := range lanes {
		for _, s := range l.Segments {
			times = append(times, s.From, s.To)
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	steps := make([]Step, 0, len(times))
	for _, t := range times {
		step := Step{T: t, Of: map[string]int{}, ReadyOf: map[string]int{}}
		for _, l := range lanes {
			s, ok := l.At(t)
			if !ok {
				continue
			}
			step.By[s.State]++
			if s.State == Terminating || over(s) {
				continue
			}
			step.Of[s.Version]++
			if s.State == Ready {
				step.ReadyOf[s.Version]++
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// Below is for how many milliseconds between from and to fewer than want pods
// were ready. Nothing is known before the first step: no pod was.
func Below(steps []Step, want int, from, to int64) int64 {
	total := int64(0)
	at, ready := from, 0
	for _, s := range steps {
		t := min(max(s.T, from), to)
		if ready < want {
			total += t - at
		}
		at, ready = t, s.By[Ready]
	}
	if ready < want {
		total += to - at
	}
	return total
}

// Bin counts the requests that were due in [From, From+width).
type Bin struct {
	From             int64
	OK, Slow, Failed int
	// Versions counts the answers, slow ones too, by version.
	Versions map[string]int
	// Micros are the latencies of the answers, ascending.
	Micros []int64
}

// N is the number of requests.
func (b Bin) N() int { return b.OK + b.Slow + b.Failed }

// Quantile of the answers' latencies in milliseconds; 0 without answers.
func (b Bin) Quantile(q float64) float64 {
	if len(b.Micros) == 0 {
		return 0
	}
	return float64(b.Micros[int(q*float64(len(b.Micros)-1)+0.5)]) / 1000
}

// Class says how a request of a client went: Answered, Late or Lost.
type Class uint8

// Classes of requests.
const (
	Answered Class = iota
	Late
	Lost
)

// ClassOf judges a request by its client's bounds; 0 bounds nothing.
func ClassOf(r *record.Request, c record.Client) Class {
	millis := r.Micros / 1000
	switch {
	case !r.OK() || c.TimeoutMillis > 0 && millis >= c.TimeoutMillis:
		return Lost
	case c.SlowMillis > 0 && millis >= c.SlowMillis:
		return Late
	}
	return Answered
}

// Bins sorts the requests of some clients into bins of width milliseconds that
// begin at origin + a multiple of width. Bins without a request between the
// first and the last are there, empty; without any request there is none.
func Bins(run *record.Run, width, origin int64, clients ...string) []Bin {
	at := func(t int64) int64 {
		d := t - origin
		if d < 0 {
			d -= width - 1
		}
		return d / width
	}
	byIndex := map[int64]*Bin{}
	first, last := int64(0), int64(0)
	for _, line := range run.Lines {
		r := line.Request
		if r == nil || !slices.Contains(clients, r.Client) {
			continue
		}
		i := at(line.T)
		if len(byIndex) == 0 {
			first, last = i, i
		}
		first, last = min(first, i), max(last, i)
		b := byIndex[i]
		if b == nil {
			b = &Bin{Versions: map[string]int{}}
			byIndex[i] = b
		}
		b.add(r, run.Header.Clients[r.Client])
	}
	if len(byIndex) == 0 {
		return nil
	}
	bins := make([]Bin, 0, last-first+1)
	for i := first; i <= last; i++ {
		b := Bin{Versions: map[string]int{}}
		if found := byIndex[i]; found != nil {
			b = *found
			slices.Sort(b.Micros)
		}
		b.From = origin + i*width
		bins = append(bins, b)
	}
	return bins
}

func (b *Bin) add(r *record.Request, c record.Client) {
	switch ClassOf(r, c) {
	case Lost:
		b.Failed++
		return
	case Late:
		b.Slow++
	case Answered:
		b.OK++
	}
	b.Micros = append(b.Micros, r.Micros)
	if r.Version != "" {
		b.Versions[r.Version]++
	}
}

// Names of clients that a run may have beside others.
const (
	FreshClient = "fresh"
	KeptClient  = "kept"
)

// Clients are the names of a run's clients, those with fresh connections or
// those with kept ones, sorted. Where one has the name for its kind it stands
// alone: others ask for something else, as a tag of a route.
func Clients(run *record.Run, fresh bool) []string {
	var names []string
	for name, c := range run.Header.Clients {
		if c.Fresh == fresh {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range []string{FreshClient, KeptClient} {
		if slices.Contains(names, name) {
			return []string{name}
		}
	}
	return names
}

// Span is a stretch of time.
type Span struct{ From, To int64 }

// Answering are the spans in which a version answered fresh connections: from
// an answer to the last one that is followed by none for gap milliseconds.
func Answering(run *record.Run, gap int64) map[string][]Span {
	fresh := Clients(run, true)
	times := map[string][]int64{}
	for _, line := range run.Lines {
		r := line.Request
		if r != nil && r.Version != "" && slices.Contains(fresh, r.Client) && ClassOf(r, run.Header.Clients[r.Client]) != Lost {
			times[r.Version] = append(times[r.Version], line.T)
		}
	}
	spans := map[string][]Span{}
	for version, all := range times {
		slices.Sort(all)
		for _, t := range all {
			s := spans[version]
			if n := len(s); n > 0 && t-s[n-1].To < gap {
				s[n-1].To = t
				continue
			}
			spans[version] = append(s, Span{t, t})
		}
	}
	return spans
}

// Overlap is for how long, between from and to, two or more of the versions
// answered.
func Overlap(spans map[string][]Span, from, to int64) int64 {
	type edge struct {
		t     int64
		delta int
	}
	var edges []edge
	for _, all := range spans {
		for _, s := range all {
			f, t := max(s.From, from), min(s.To, to)
			if f < t {
				edges = append(edges, edge{f, 1}, edge{t, -1})
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.delta, b.delta)) })
	total, open, since := int64(0), 0, int64(0)
	for _, e := range edges {
		if open >= 2 {
			total += e.t - since
		}
		open, since = open+e.delta, e.t
	}
	return total
}
