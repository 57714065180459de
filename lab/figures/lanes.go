// Package figures turns a recorded run into series and numbers: the states of
// each pod, the answers by version, and what a rollout cost. Nothing here reads
// a file or a clock.
package figures

import (
	"cmp"
	"slices"

	"online-inference/lab/record"
)

// State is what a pod does.
type State uint8

// States in the order of a pod's life.
const (
	// Pending: no container of it has run yet.
	Pending State = iota
	// Starting: it runs and is not ready, for the first time or again.
	Starting
	// Ready: it gets traffic from its Services.
	Ready
	// Stopped: a container has ended, and waits to be started again or never will be.
	Stopped
	// Terminating: it was deleted and has not gone.
	Terminating
	// States is how many there are.
	States
)

// String is the state in a word.
func (s State) String() string {
	return [...]string{"pending", "starting", "ready", "stopped", "terminating"}[s]
}

// Segment is a stretch of a pod's life in one state.
type Segment struct {
	// From and To are milliseconds since the run's start.
	From, To int64
	State    State
	// Version changes within a pod where somebody edits its image in place.
	Version string
	// Reason is why it is in the state, as the pod or its container says it:
	// CrashLoopBackOff, ImagePullBackOff, Unschedulable, …
	Reason string
	// Exit is the code with which a stopped container ended.
	Exit *int32
}

// Restart is a moment at which a container was found started again or waiting
// for it.
type Restart struct {
	T     int64
	Count int32
	// Reason and Exit are those of the run that ended, nil where nobody said.
	Reason string
	Exit   *int32
}

// Lane is the life of one pod. Two pods of one name have a lane each.
type Lane struct {
	Name, UID, Owner string
	// Version is the first one.
	Version string
	QoS     string
	// Created is milliseconds since the run's start, to the second, often negative.
	Created  int64
	Segments []Segment
	Restarts []Restart
	// Started has the moments at which a startup probe passed: a container ran
	// before and had not started yet.
	Started []int64
	// waits says that a container runs and has not started.
	waits bool
	// Gone says that the pod was removed before the run's end.
	Gone bool
}

// At is the segment at t, which ends before its To.
func (l *Lane) At(t int64) (Segment, bool) {
	for _, s := range l.Segments {
		if s.From <= t && t < s.To {
			return s, true
		}
	}
	return Segment{}, false
}

// First and Last bound what was seen of the pod.
func (l *Lane) First() int64 {
	if len(l.Segments) == 0 {
		return 0
	}
	return l.Segments[0].From
}

// Last is the end of the last segment.
func (l *Lane) Last() int64 {
	if len(l.Segments) == 0 {
		return 0
	}
	return l.Segments[len(l.Segments)-1].To
}

// Lanes are the pods of a run, by version, then by when they were first seen,
// then by name. A pod that was only ever seen as gone has no lane.
func Lanes(run *record.Run) []*Lane {
	end := End(run)
	byUID := map[string]*Lane{}
	var all []*Lane
	for _, line := range run.Lines {
		p := line.Pod
		if p == nil {
			continue
		}
		lane := byUID[p.UID]
		switch {
		case lane == nil && p.Gone:
			continue
		case lane == nil:
			lane = &Lane{Name: p.Name, UID: p.UID, Version: p.Version, Created: p.Created}
			byUID[p.UID] = lane
			all = append(all, lane)
		case lane.Gone:
			continue
		}
		lane.see(line.T, p)
	}
	for _, lane := range all {
		if n := len(lane.Segments); n > 0 && !lane.Gone {
			lane.Segments[n-1].To = max(end, lane.Segments[n-1].From)
		}
		lane.Segments = slices.DeleteFunc(lane.Segments, func(s Segment) bool { return s.From == s.To })
	}
	all = slices.DeleteFunc(all, func(l *Lane) bool { return len(l.Segments) == 0 })
	slices.SortStableFunc(all, func(a, b *Lane) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.First(), b.First()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return all
}

// see extends a lane by what a watch told at t.
func (l *Lane) see(t int64, p *record.Pod) {
	if p.Owner != "" {
		l.Owner = p.Owner // adoption gives a bare pod one later
	}
	if p.QoS != "" {
		l.QoS = p.QoS
	}
	n := len(l.Segments)
	if p.Gone {
		l.Segments[n-1].To = t
		l.Gone = true
		return
	}
	l.restarts(t, p)
	l.starts(t, p)
	state, reason := StateOf(p)
	if n > 0 {
		last := &l.Segments[n-1]
		if last.State == state && last.Version == p.Version && last.Reason == reason {
			return
		}
		last.To = t
	}
	s := Segment{From: t, To: t, State: state, Version: p.Version, Reason: reason}
	if state == Stopped {
		for _, c := range p.Containers {
			s.Exit = cmp.Or(s.Exit, c.Exit, c.LastExit)
		}
	}
	l.Segments = append(l.Segments, s)
}

func (l *Lane) starts(t int64, p *record.Pod) {
	for _, c := range p.Containers {
		switch {
		case c.State == "running" && !c.Started:
			l.waits = true
		case c.State == "running" && l.waits:
			l.waits = false
			l.Started = append(l.Started, t)
		case c.State != "running":
			l.waits = false
		}
	}
}

func (l *Lane) restarts(t int64, p *record.Pod) {
	var count int32
	var last record.Container
	for _, c := range p.Containers {
		count += c.Restarts
		if c.Restarts > 0 {
			last = c
		}
	}
	seen := int32(0)
	if n := len(l.Restarts); n > 0 {
		seen = l.Restarts[n-1].Count
	}
	if count > seen {
		l.Restarts = append(l.Restarts, Restart{T: t, Count: count, Reason: last.LastReason, Exit: last.LastExit})
	}
}

// StateOf is the state of a pod that was not removed, and its reason.
func StateOf(p *record.Pod) (State, string) {
	switch {
	case p.Deleting:
		return Terminating, p.Reason
	case p.Phase == "Failed" || p.Phase == "Succeeded":
		return Stopped, cmp.Or(p.Reason, reasonOf(p.Containers), p.Phase)
	case p.Ready:
		return Ready, ""
	}
	for _, c := range p.Containers {
		switch {
		case c.State == "terminated":
			return Stopped, cmp.Or(c.Reason, "Exited")
		case c.State == "waiting" && (c.Restarts > 0 || c.LastReason != "" || c.Reason == "CrashLoopBackOff"):
			return Stopped, c.Reason
		}
	}
	if p.Phase == "Running" && running(p.Containers) {
		return Starting, ""
	}
	return Pending, cmp.Or(p.Unscheduled, reasonOf(p.Containers))
}

// running is false only where all containers are known to wait.
func running(all []record.Container) bool {
	return len(all) == 0 || slices.ContainsFunc(all, func(c record.Container) bool { return c.State == "running" })
}

func reasonOf(all []record.Container) string {
	for _, c := range all {
		if c.State != "running" && c.Reason != "" {
			return c.Reason
		}
	}
	return ""
}

// PodsAt are the pods that existed at t, terminating ones too, as they were last
// told of; the oldest first, then by name.
func PodsAt(run *record.Run, t int64) []*record.Pod {
	last := map[string]*record.Pod{}
	for _, line := range run.Lines {
		if line.Pod == nil || line.T > t {
			continue
		}
		last[line.Pod.UID] = line.Pod
	}
	var all []*record.Pod
	for _, p := range last {
		if !p.Gone {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *record.Pod) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return all
}

// End is the time of a run's last line that is not a request: a request stands
// at the time at which it was due. A run without an End, which was cut, ends at
// its last line.
func End(run *record.Run) int64 {
	end := int64(0)
	for _, line := range run.Lines {
		if line.Request == nil {
			end = max(end, line.T)
		}
	}
	if end == 0 {
		for _, line := range run.Lines {
			end = max(end, line.T)
		}
	}
	return end
}

// MarkAt is the time of the first mark of a name.
func MarkAt(run *record.Run, name string) (int64, bool) {
	for _, line := range run.Lines {
		if line.Mark != nil && line.Mark.Name == name {
			return line.T, true
		}
	}
	return 0, false
}
