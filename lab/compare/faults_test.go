package compare

import (
	"slices"
	"testing"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// alter changes each line that it is meant for; that there is one is checked.
func alter(is func(*record.Line) bool, f func(*record.Run, *record.Line)) func(*testing.T, *record.Run) {
	return func(t *testing.T, run *record.Run) {
		t.Helper()
		n := 0
		for i := range run.Lines {
			if is(&run.Lines[i]) {
				f(run, &run.Lines[i])
				n++
			}
		}
		if n == 0 {
			t.Error("the fault changes nothing")
		}
	}
}

func requests(f func(*record.Run, *record.Line)) func(*testing.T, *record.Run) {
	return alter(func(l *record.Line) bool { return l.Request != nil }, f)
}

func podLines(name string, f func(*record.Line)) func(*testing.T, *record.Run) {
	return alter(func(l *record.Line) bool { return l.Pod != nil && l.Pod.Name == name },
		func(_ *record.Run, l *record.Line) { f(l) })
}

func events(name string, f func(*record.Event)) func(*testing.T, *record.Run) {
	return alter(func(l *record.Line) bool { return l.Event != nil && l.Event.Object == "Pod/"+name },
		func(_ *record.Run, l *record.Line) { f(l.Event) })
}

func everyPod(run *record.Run, f func(*record.Pod)) {
	for _, l := range run.Lines {
		if l.Pod != nil {
			f(l.Pod)
		}
	}
}

func drop(is func(*record.Line) bool) func(*testing.T, *record.Run) {
	return func(t *testing.T, run *record.Run) {
		t.Helper()
		n := len(run.Lines)
		if run.Lines = slices.DeleteFunc(run.Lines, func(l record.Line) bool { return is(&l) }); len(run.Lines) == n {
			t.Error("the fault changes nothing")
		}
	}
}

// put adds a line before the end.
func put(run *record.Run, line record.Line) {
	run.Lines = slices.Insert(run.Lines, len(run.Lines)-1, line)
}

func refuse(r *record.Request) { r.Status, r.Error = 0, "refused" }

func setExit(p *record.Pod, code int32) {
	for i := range p.Containers {
		p.Containers[i].Exit, p.Containers[i].LastExit = &code, &code
	}
}

func setRestarts(p *record.Pod, n int32) {
	for i := range p.Containers {
		p.Containers[i].Restarts = n
	}
}

func neverIsReady(name string) fault {
	return fault{"it is never ready", podLines(name, func(l *record.Line) { l.Pod.Ready = false })}
}

func notRestarted(name string) fault {
	return fault{"it is not restarted", podLines(name, func(l *record.Line) { setRestarts(l.Pod, 0) })}
}

func classIs(name string) fault {
	return fault{"another class", podLines(name, func(l *record.Line) { l.Pod.QoS = "Other" })}
}

func ownerless(name string) fault {
	return fault{"nobody adopts it", podLines(name, func(l *record.Line) { l.Pod.Owner = "" })}
}

func noEvent(name, reason string) fault {
	return fault{"there is no event " + reason, drop(func(l *record.Line) bool {
		return l.Event != nil && l.Event.Object == "Pod/"+name && l.Event.Reason == reason
	})}
}

// readyLater moves what is told of a pod once it is ready.
func readyLater(name string, by time.Duration) fault {
	return fault{"it is ready at another time", podLines(name, func(l *record.Line) {
		if l.Pod.Ready {
			l.T += by.Milliseconds()
		}
	})}
}

// killing adds the kubelet's word that it kills a container, early in the run.
func killing(name, why string, late bool) func(*testing.T, *record.Run) {
	return func(_ *testing.T, run *record.Run) {
		at := int64(0)
		if late {
			at = figures.End(run)
		}
		put(run, record.Line{T: at, Event: &record.Event{Type: "Normal", Reason: "Killing", Object: "Pod/" + name,
			Message: "Container online-inference " + why + " probe, will be restarted"}})
	}
}

func sampled(name string, throttled float64) fault {
	return fault{"it is throttled three times", alter(func(l *record.Line) bool { return l.Sample != nil && l.Sample.Of == name },
		func(_ *record.Run, l *record.Line) { l.Sample.Values[throttledPeriods] = throttled })}
}

func aFailure() fault {
	return fault{"a request fails", func(t *testing.T, run *record.Run) {
		t.Helper()
		for _, l := range run.Lines {
			if l.Request != nil {
				refuse(l.Request)
				return
			}
		}
		t.Error("there is no request")
	}}
}

func template1() func(*testing.T, *record.Run) {
	return alter(func(l *record.Line) bool { return l.ReplicaSet != nil },
		func(_ *record.Run, l *record.Line) { l.ReplicaSet.Image = "online-inference:v1" })
}

// oldPods are the pods of version 1 that are there at the end.
func oldPods(t *testing.T, run *record.Run, least int) []string {
	t.Helper()
	var out []string
	for _, p := range atEnd(run) {
		if p.Version == "v1" {
			out = append(out, p.UID)
		}
	}
	if len(out) < least {
		t.Fatalf("%d pods of v1, want %d", len(out), least)
	}
	return out[:least]
}

// versionOf gives n of them another version.
func versionOf(n int, version string) func(*testing.T, *record.Run) {
	return func(t *testing.T, run *record.Run) {
		t.Helper()
		of := oldPods(t, run, n)
		everyPod(run, func(p *record.Pod) {
			if slices.Contains(of, p.UID) {
				p.Version = version
			}
		})
	}
}

// newUID makes n of them others at the end.
func newUID(n int) func(*testing.T, *record.Run) {
	return func(t *testing.T, run *record.Run) {
		t.Helper()
		of := oldPods(t, run, n)
		for _, p := range atEnd(run) {
			if slices.Contains(of, p.UID) {
				gone, other := *p, *p
				gone.Gone, other.UID = true, "another"
				put(run, record.Line{T: figures.End(run), Pod: &gone})
				put(run, record.Line{T: figures.End(run), Pod: &other})
			}
		}
	}
}

// deleteOne has n of them told to end.
func deleteOne(t *testing.T, run *record.Run, n int) {
	t.Helper()
	for _, p := range atEnd(run) {
		if slices.Contains(oldPods(t, run, n), p.UID) {
			ends := *p
			ends.Deleting = true
			put(run, record.Line{T: figures.End(run), Pod: &ends})
			return
		}
	}
}

// newcomer adds a pod of a version one second before the end.
func newcomer(version string) func(*testing.T, *record.Run) {
	return func(_ *testing.T, run *record.Run) {
		put(run, record.Line{T: figures.End(run) - 1000, Pod: &record.Pod{Name: "newcomer", UID: "newcomer", Version: version, Phase: "Running", Ready: true}})
	}
}
