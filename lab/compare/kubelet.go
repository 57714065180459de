package compare

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// said is what the record has about one pod, in the order of arrival.
type said struct {
	// at and pods go together; a pod that was removed is the last one.
	at   []int64
	pods []*record.Pod
	// events are those of the pod, eventsAt their times.
	events   []*record.Event
	eventsAt []int64
	end      int64
}

// of a pod by its name; a pod that was never seen is an error.
func saidOf(run *record.Run, name string) (*said, error) {
	s := &said{end: figures.End(run)}
	for _, line := range run.Lines {
		switch {
		case line.Pod != nil && line.Pod.Name == name:
			s.at, s.pods = append(s.at, line.T), append(s.pods, line.Pod)
		case line.Event != nil && line.Event.Object == "Pod/"+name:
			s.eventsAt, s.events = append(s.eventsAt, line.T), append(s.events, line.Event)
		}
	}
	if len(s.pods) == 0 {
		return nil, fmt.Errorf("there was no pod %s", name)
	}
	return s, nil
}

// first is the time at which holds was first true of the pod.
func (s *said) first(holds func(*record.Pod) bool) (int64, bool) {
	i := slices.IndexFunc(s.pods, holds)
	if i < 0 {
		return 0, false
	}
	return s.at[i], true
}

func (s *said) last() *record.Pod { return s.pods[len(s.pods)-1] }

// restarts is the count that the kubelet told last.
func (s *said) restarts() int {
	n := 0
	for _, p := range s.pods {
		n = max(n, restartsOf(p))
	}
	return n
}

func restartsOf(p *record.Pod) int {
	n := 0
	for _, c := range p.Containers {
		n += int(c.Restarts)
	}
	return n
}

func isReady(p *record.Pod) bool { return p.Ready && !p.Deleting && !p.Gone }
func isRunning(p *record.Pod) bool {
	return len(p.Containers) > 0 && p.Containers[0].State == "running"
}

// kills are the times at which the kubelet said that it kills the container
// because of a probe (startup, liveness).
func (s *said) kills(probe string) []int64 {
	var out []int64
	for i, e := range s.events {
		if e.Reason == "Killing" && strings.Contains(e.Message, "failed "+probe+" probe") {
			out = append(out, s.eventsAt[i])
		}
	}
	return out
}

// misses is how often the kubelet said that a probe (Startup, Readiness,
// Liveness) has failed. It counts equal messages and stops telling after 25.
func (s *said) misses(probe string) int {
	most := map[string]int32{}
	for _, e := range s.events {
		if e.Reason == "Unhealthy" && strings.HasPrefix(e.Message, probe+" probe") {
			most[e.Message] = max(most[e.Message], e.Count, 1)
		}
	}
	n := 0
	for _, count := range most {
		n += int(count)
	}
	return n
}

// ends are the runs of the container that were told as ended.
func (s *said) ends() []string {
	var out []string
	for _, p := range s.pods {
		for _, c := range p.Containers {
			reason, exit := c.Reason, c.Exit
			if exit == nil {
				reason, exit = c.LastReason, c.LastExit
			}
			if exit != nil {
				out = append(out, fmt.Sprintf("%s %d", reason, *exit))
			}
		}
	}
	return slices.Compact(out)
}

// about makes a claim about one pod.
func about(name, text string, check func(s *said) (measured string, holds bool)) Claim {
	return Claim{Text: name + ": " + text, Check: func(run *record.Run) (string, error) {
		s, err := saidOf(run, name)
		if err != nil {
			return "", err
		}
		measured, holds := check(s)
		if !holds {
			return measured, fmt.Errorf("measured %s", cmp.Or(measured, "nothing"))
		}
		return measured, nil
	}}
}

// seconds writes milliseconds as seconds.
func seconds(ms int64) string { return fmt.Sprintf("%.1f s", float64(ms)/1000) }

// never is what is measured of something that did not come.
const never = "never"

// readyWithin claims that a pod is ready between least and most after its
// container ran, for the first time.
func readyWithin(name, text string, least, most time.Duration) Claim {
	return about(name, text, func(s *said) (string, bool) {
		ran, ok := s.first(isRunning)
		if !ok {
			return "it never ran", false
		}
		ready, ok := s.first(isReady)
		if !ok {
			return never, false
		}
		took := ready - ran
		return seconds(took), least.Milliseconds() <= took && took <= most.Milliseconds()
	})
}

// neverReady claims that a pod ran and never was ready.
func neverReady(name string) Claim {
	return about(name, "it runs and is never ready", func(s *said) (string, bool) {
		if _, ran := s.first(isRunning); !ran {
			return "it never ran", false
		}
		t, ready := s.first(isReady)
		if ready {
			return "ready at " + seconds(t), false
		}
		return never, true
	})
}

// killedBy claims that the kubelet killed the container so often, at least,
// because of a probe. What is measured is when, since the container first ran.
func killedBy(name, probe string, least int) Claim {
	text := fmt.Sprintf("its %s probe has it killed", probe)
	if least > 1 {
		text = fmt.Sprintf("%s, %d times at least", text, least)
	}
	return about(name, text, func(s *said) (string, bool) {
		ran, ok := s.first(isRunning)
		if !ok {
			return "it never ran", false
		}
		kills := s.kills(probe)
		times := make([]string, 0, len(kills))
		for _, t := range kills {
			times = append(times, seconds(t-ran))
		}
		if len(kills) == 0 {
			return never, false
		}
		return "after " + strings.Join(times, ", "), len(kills) >= least
	})
}

// missed claims that a probe failed so often, at least.
func missed(name, probe string, least int) Claim {
	often := "once or more"
	if least > 1 {
		often = fmt.Sprintf("%d times or more", least)
	}
	return about(name, fmt.Sprintf("the %s probe fails %s", strings.ToLower(probe), often), func(s *said) (string, bool) {
		n := s.misses(probe)
		return fmt.Sprintf("%d times", n), n >= least
	})
}

// untouched claims that a pod was neither killed nor started again.
func untouched(name string) Claim {
	return about(name, "nobody kills or restarts it", func(s *said) (string, bool) {
		n := s.restarts()
		for _, e := range s.events {
			if e.Reason == "Killing" {
				return e.Message, false
			}
		}
		return fmt.Sprintf("restarts: %d", n), n == 0
	})
}

// endsReady claims that a pod is ready at the end.
func endsReady(name string) Claim {
	return about(name, "it is ready at the end", func(s *said) (string, bool) {
		p := s.last()
		state, reason := figures.StateOf(p)
		return strings.TrimSpace(state.String() + " " + reason), isReady(p)
	})
}

// endedWith claims how a run of the container ended, as "REASON CODE".
func endedWith(name, how string) Claim {
	return about(name, "its container ends with "+how, func(s *said) (string, bool) {
		all := s.ends()
		return strings.Join(all, ", "), slices.Contains(all, how)
	})
}

// failedBetween claims that requests failed, and only those that were due
// between two moments.
func failedBetween(text string, least int, from, to func(run *record.Run) (int64, error)) Claim {
	return Claim{Text: text, Check: func(run *record.Run) (string, error) {
		after, errFrom := from(run)
		before, errTo := to(run)
		if err := errors.Join(errFrom, errTo); err != nil {
			return "", err
		}
		inside, outside := 0, 0
		for _, line := range run.Lines {
			r := line.Request
			switch {
			case r == nil || figures.ClassOf(r, run.Header.Clients[r.Client]) != figures.Lost:
			case after <= line.T && line.T <= before:
				inside++
			default:
				outside++
			}
		}
		measured := fmt.Sprintf("%d in this time, %d outside", inside, outside)
		if inside < least || outside > 0 {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// markAt is the time of a mark.
func markAt(name string) func(run *record.Run) (int64, error) {
	return func(run *record.Run) (int64, error) {
		t, ok := figures.MarkAt(run, name)
		if !ok {
			return 0, fmt.Errorf("there is no mark %q", name)
		}
		return t, nil
	}
}

// readyAt is the time at which a pod was first ready, and so much later.
func readyAt(name string, later time.Duration) func(run *record.Run) (int64, error) {
	return func(run *record.Run) (int64, error) {
		s, err := saidOf(run, name)
		if err != nil {
			return 0, err
		}
		t, ok := s.first(isReady)
		if !ok {
			return 0, fmt.Errorf("%s was never ready", name)
		}
		return t + later.Milliseconds(), nil
	}
}
