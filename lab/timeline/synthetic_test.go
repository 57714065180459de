package timeline

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"online-inference/lab/record"
)

// world makes a run from a script; its chance is seeded, so that pictures are
// the same each time.
type world struct {
	chance *rand.Rand
	run    record.Run
	end    int64
	pods   []*life
}

// life is when a pod of the synthetic run does what; 0 is never.
type life struct {
	name, version                          string
	created, started, ready, deleted, gone int64
	// deaf is for how long it still gets new connections after its deletion
	// began and refuses them; a well-behaved pod has 0.
	deaf int64
}

func newWorld(family string, want int, end int64) *world {
	w := &world{chance: rand.New(rand.NewPCG(1, 2)), end: end}
	w.run.Header = record.Header{Experiment: "synthetic", Family: family, Run: 1, Want: want}
	return w
}

func (w *world) put(t int64, line record.Line) {
	line.T = t
	w.run.Lines = append(w.run.Lines, line)
}

func (w *world) mark(t int64, name, text string) {
	w.put(t, record.Line{Mark: &record.Mark{Name: name, Text: text}})
}

// add makes a pod of a ReplicaSet.
func (w *world) add(l life) *life {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	if l.name == "" {
		suffix := make([]byte, 5)
		for i := range suffix {
			suffix[i] = letters[w.chance.IntN(len(letters))]
		}
		l.name = "online-inference-" + l.version + "-" + string(suffix)
	}
	w.pods = append(w.pods, &l)
	return w.pods[len(w.pods)-1]
}

func (w *world) tell(l *life) {
	if l.created == 0 {
		l.created = 1
	}
	for _, step := range []struct {
		t int64
		p record.Pod
	}{
		{l.created, record.Pod{Phase: "Pending"}},
		{l.started, record.Pod{Phase: "Running"}},
		{l.ready, record.Pod{Phase: "Running", Ready: true}},
		{l.deleted, record.Pod{Phase: "Running", Deleting: true}},
		{l.gone, record.Pod{Phase: "Running", Deleting: true, Gone: true}},
	} {
		if step.t == 0 || step.t > w.end {
			continue
		}
		p := step.p
		p.Name, p.UID, p.Version, p.Owner = l.name, l.name, l.version, "ReplicaSet/x"
		w.put(step.t, record.Line{Pod: &p})
	}
}

// load sends requests to the pods that are ready: fresh connections to any of
// them, kept ones as well.
func (w *world) load(rate int64) {
	w.run.Header.Clients = map[string]record.Client{
		"fresh": {Place: "a pod", Path: "ClusterIP of a Service", Rate: float64(rate), Fresh: true, SlowMillis: 100, TimeoutMillis: 2000},
		"kept":  {Place: "a pod", Path: "ClusterIP of a Service", Rate: float64(rate), SlowMillis: 100, TimeoutMillis: 2000},
	}
	for t := int64(10); t < w.end-500; t += 1000 / rate {
		for _, client := range []string{"fresh", "kept"} {
			var up []*life
			for _, l := range w.pods {
				if l.ready > 0 && l.ready <= t && (l.deleted == 0 || t < l.deleted+l.deaf) {
					up = append(up, l)
				}
			}
			r := &record.Request{Client: client, Error: "refused", Micros: 300}
			if len(up) > 0 {
				l := up[w.chance.IntN(len(up))]
				if l.deleted == 0 || t < l.deleted {
					r = &record.Request{Client: client, Status: 200, Micros: 700 + w.chance.Int64N(900), Version: l.version, Pod: l.name}
					if w.chance.IntN(300) == 0 {
						r.Micros += 150_000
					}
				}
			}
			w.put(t, record.Line{Request: r})
		}
	}
}

func (w *world) done() *record.Run {
	for _, l := range w.pods {
		w.tell(l)
	}
	slices.SortStableFunc(w.run.Lines, func(a, b record.Line) int { return cmp.Compare(a.T, b.T) })
	w.put(w.end, record.Line{End: &record.End{}})
	return &w.run
}

// blueGreen is a surge of 100 %: four new pods at once, the old ones go as they
// turn ready.
func blueGreen() *record.Run {
	w := newWorld("rollouts", 4, 34000)
	w.mark(6000, record.MarkTrigger, "kubectl apply -f k8s-classic/online-inference-deployment-blue-green.yaml")
	for i := range int64(4) {
		w.add(life{version: "v1", started: 2, ready: 3, deleted: 18500 + 300*i, gone: 24500 + 350*i})
		w.add(life{version: "v2", created: 6100 + 40*i, started: 7300 + 210*i, ready: 8200 + 260*i})
	}
	w.mark(19600, record.MarkDone, "")
	w.load(20)
	return w.done()
}

// recreate has an outage between old and new.
func recreate() *record.Run {
	w := newWorld("rollouts", 2, 30000)
	w.mark(6000, record.MarkTrigger, "kubectl set image deployment/online-inference-recreate online-inference=online-inference:v2")
	for i := range int64(2) {
		w.add(life{version: "v1", started: 2, ready: 3, deleted: 6100, gone: 11600 + 300*i})
		w.add(life{version: "v2", created: 11900, started: 13000 + 200*i, ready: 13600 + 300*i})
	}
	w.mark(13950, record.MarkDone, "")
	w.load(20)
	return w.done()
}

// dying is a version that stalls: the new pod crashes, nothing goes on for long.
func dying() *record.Run {
	w := newWorld("rollouts", 4, 200_000)
	w.mark(6000, record.MarkTrigger, "kubectl apply -f dying.yaml")
	for range 3 {
		w.add(life{version: "v1", started: 2, ready: 3})
	}
	w.add(life{version: "v1", started: 2, ready: 3, deleted: 6200, gone: 12300})
	exit := int32(1)
	crash := func(t int64, state, reason string, restarts int32, ready bool) {
		p := &record.Pod{Name: "online-inference-v2-dy2ng", UID: "dying", Owner: "ReplicaSet/x", Version: "v2", Phase: "Running", Ready: ready,
			Containers: []record.Container{{State: state, Reason: reason, Restarts: restarts}}}
		if restarts > 0 {
			p.Containers[0].LastReason, p.Containers[0].LastExit = "Error", &exit
		}
		w.put(t, record.Line{Pod: p})
	}
	crash(6150, "waiting", "ContainerCreating", 0, false)
	crash(7000, "running", "", 0, false)
	crash(32000, "running", "", 0, true)
	crash(92000, "terminated", "Error", 0, false)
	crash(93000, "running", "", 1, false)
	crash(118_000, "running", "", 1, true)
	crash(178_000, "waiting", "CrashLoopBackOff", 1, false)
	w.mark(186_000, record.MarkDone, "ProgressDeadlineExceeded")
	w.load(10)
	return w.done()
}

// broken loses requests: pods that go refuse what they still get.
func broken() *record.Run {
	w := newWorld("rollouts", 4, 30000)
	w.mark(6000, record.MarkTrigger, "kubectl set image deployment/online-inference online-inference=online-inference:v2")
	for i := range int64(4) {
		at := 6100 + 2500*(i/2)
		w.add(life{version: "v1", started: 2, ready: 3, deleted: at, gone: at + 900, deaf: 700})
		w.add(life{version: "v2", created: at, started: at + 900, ready: at + 2300 + 100*i})
	}
	w.mark(11200, record.MarkDone, "")
	w.load(20)
	return w.done()
}

// probing is one pod that a liveness probe kills.
func probing() *record.Run {
	w := newWorld("probes", 0, 140_000)
	w.mark(5000, record.MarkTrigger, "kubectl apply -f liveness-only.yaml")
	exit := int32(137)
	for i := range int64(3) {
		at := 5200 + 40_000*i
		state := func(t int64, state, reason string, ready bool) {
			c := record.Container{State: state, Reason: reason, Restarts: int32(i)}
			if i > 0 {
				c.LastReason, c.LastExit = "Error", &exit
			}
			w.put(t, record.Line{Pod: &record.Pod{Name: "online-inference-pod", UID: "u", Version: "v1", Phase: "Running", Ready: ready, Containers: []record.Container{c}}})
		}
		tell := func(t int64, kind, reason, message string) {
			w.put(t, record.Line{Event: &record.Event{Type: kind, Reason: reason, Object: "Pod/online-inference-pod", Message: message}})
		}
		state(at, "running", "", false)
		for k := range int64(3) {
			tell(at+5000+5000*k, "Warning", "Unhealthy", "Liveness probe failed: 503")
		}
		tell(at+15100, "Normal", "Killing", "Container online-inference failed liveness probe, will be restarted")
		state(at+16000, "waiting", "CrashLoopBackOff", false)
		tell(at+16500, "Warning", "BackOff", "Back-off restarting failed container")
	}
	return w.done()
}

// scaling is a load step with more pods than there are lanes.
func scaling() *record.Run {
	w := newWorld("autoscaling", 0, 160_000)
	w.mark(20_000, record.MarkTrigger, "load step: 2 to 40 requests/s")
	for i := range int64(14) {
		l := life{version: "v1", created: 20_000 + 4000*i}
		if i == 0 {
			l.created = 1
		}
		l.started, l.ready = l.created+900, l.created+1500
		if i > 0 {
			l.deleted, l.gone = 110_000+1500*i, 115_000+1600*i
		}
		w.add(l)
	}
	for i := range int64(5) {
		w.put(22_000+12_000*i, record.Line{Scaler: &record.Scaler{Kind: "kpa", Name: "x", Want: int32(2 + 3*i)}})
	}
	w.put(21_000, record.Line{Scaler: &record.Scaler{Kind: "kpa", Name: "y", Want: -1}})
	w.put(108_000, record.Line{Scaler: &record.Scaler{Kind: "kpa", Name: "x", Want: 1}})
	w.mark(100_000, "load ends", "")
	w.load(4)
	return w.done()
}

// looping is a pod that dies after 25 s, in ever longer back-offs.
func looping() *record.Run {
	w := newWorld(familyCrashLoop, 0, 400_000)
	w.mark(2000, record.MarkTrigger, "kubectl apply -f k8s-classic/online-inference-pod-probes.yaml")
	exit := int32(1)
	put := func(t int64, state, reason string, restarts int, ready bool) {
		c := record.Container{State: state, Reason: reason, Restarts: int32(restarts), LastExit: &exit}
		w.put(t, record.Line{Pod: &record.Pod{Name: "online-inference-pod-probes", UID: "u", Version: "v1", Phase: "Running", Ready: ready, Containers: []record.Container{c}}})
	}
	at, wait := int64(2500), int64(10_000)
	for i := range 5 {
		put(at, "running", "", i, false)
		put(at+10_000, "running", "", i, true)
		put(at+25_000, "terminated", "Error", i, false)
		put(at+26_000, "waiting", "CrashLoopBackOff", i, false)
		at += 26_000 + wait
		wait *= 2
	}
	return w.done()
}

// idle is what runs while nobody asks.
func idle() *record.Run {
	w := newWorld(familyIdle, 0, 900_000)
	w.mark(2000, record.MarkTrigger, "nothing for 15 minutes")
	for i := range int64(31) {
		for j, name := range []string{"knative-serving", "kourier-system", "one pod, HPA"} {
			w.put(30_000*i, record.Line{Sample: &record.Sample{Of: name, Values: map[string]float64{"cpu_seconds": float64(i) * 30 * []float64{0.021, 0.009, 0.001}[j], "memory_bytes": 40e6}}})
		}
	}
	return w.done()
}

// limits are pods of which one is killed for its memory, one does not fit, and
// one starts slowly behind a startup probe.
func limits() *record.Run {
	w := newWorld("resources", 0, 60_000)
	w.mark(3000, record.MarkTrigger, "kubectl apply -f k8s-classic/online-inference-pod-resources.yaml")
	put := func(t int64, name, phase, unscheduled string, c record.Container, ready bool) {
		w.put(t, record.Line{Pod: &record.Pod{Name: name, UID: name, Version: "v1", Phase: phase, Unscheduled: unscheduled, Ready: ready, Containers: []record.Container{c}}})
	}
	for i := range int64(4) {
		w.mark(19_000+200*i, "batches of 10,000 rows", "")
	}
	exit := int32(137)
	put(3100, "online-inference-pod-resources", "Running", "", record.Container{State: "running", Started: true}, true)
	put(20_000, "online-inference-pod-resources", "Running", "", record.Container{State: "terminated", Reason: "OOMKilled", Exit: &exit}, false)
	put(21_500, "online-inference-pod-resources", "Running", "", record.Container{State: "running", Started: true, Restarts: 1, LastReason: "OOMKilled", LastExit: &exit}, true)
	put(3200, "too-large", "Pending", "Unschedulable", record.Container{State: "waiting"}, false)
	w.put(3300, record.Line{Event: &record.Event{Type: "Warning", Reason: "FailedScheduling", Object: "Pod/too-large", Message: "0/1 nodes are available: 1 Insufficient memory."}})
	put(3300, "slow-start", "Running", "", record.Container{State: "running"}, false)
	for i := range int64(6) {
		of := func(name string, throttled float64) {
			w.put(3000+6000*i, record.Line{Sample: &record.Sample{Of: name, Values: map[string]float64{"periods": 60 * float64(i), "throttled_periods": throttled * float64(i)}}})
		}
		of("slow-start", 48)
		of("too-large", 0)
	}
	put(13_300, "slow-start", "Running", "", record.Container{State: "running", Started: true}, false)
	put(14_000, "slow-start", "Running", "", record.Container{State: "running", Started: true}, true)
	return w.done()
}

// share is a split without any change of pods.
func share() *record.Run {
	w := newWorld("rollouts", 0, 40_000)
	w.mark(6000, record.MarkTrigger, "kubectl patch ksvc online-inference --type merge -p …")
	for i, v := range []string{"v1", "v1", "v1", "v2"} {
		w.add(life{version: v, name: fmt.Sprintf("online-inference-%s-00001-deployment-%dabcd", v, i), started: 2, ready: 3 + 9000*int64(i/3)})
	}
	w.mark(9300, record.MarkDone, "")
	w.load(20)
	return w.done()
}
