package compare

import (
	"context"
	"fmt"
	"strings"
	"time"

	"online-inference/lab/record"
)

// Back-offs of the kubelet: the first restart is at once, then it waits 10 s and
// twice as long each time, 300 s at most.
const (
	firstPause = 10 * time.Second
	lastPause  = 300 * time.Second
	// pauses is how many the experiment waits for.
	pauses = 5
	// late is how much longer than its back-off a pause may last: the kubelet looks
	// again when it looks at the pod the next time.
	pauseLate = 20 * time.Second
)

func crashLoop() Experiment {
	return Experiment{
		Name: "crash-loop", Family: "crash-loop", Title: "CrashLoopBackOff",
		Question: "A container needs 25 s to start and dies 60 s later, each time. How much of the time does it serve?",
		Answer:   "The pause before each restart doubles from 10 s to 300 s, so that in the end it serves about a sixth of the time, and probes change nothing about it.",
		Files:    []string{probesPod},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, probesPod); err != nil {
				return err
			}
			err := s.podsAre(ctx, 20*time.Minute, "the container runs again after its fifth pause", map[string]func(*record.Pod) bool{
				probesPodName: func(p *record.Pod) bool { return restartsOf(p) > pauses && isReady(p) }})
			if err != nil {
				return err
			}
			return s.Done("ready again after the fifth pause")
		},
		Runs: 1, Takes: 15 * time.Minute,
		Claims: []Claim{
			endedWith(probesPodName, "Error 1"),
			about(probesPodName, "no probe has it killed", func(s *said) (string, bool) {
				n := len(s.kills("startup")) + len(s.kills("liveness"))
				return fmt.Sprintf("killed: %d times", n), n == 0
			}),
			doublingPauses(probesPodName),
			about(probesPodName, "it waits in CrashLoopBackOff", func(s *said) (string, bool) {
				waits := func(p *record.Pod) bool {
					return len(p.Containers) > 0 && p.Containers[0].State == "waiting" && p.Containers[0].Reason == "CrashLoopBackOff"
				}
				t, ok := s.first(waits)
				return "first seen at " + seconds(t), ok
			}),
			about(probesPodName, "in the steady state, with pauses of 300 s, it serves 10 to 20 % of the time", steadyState),
		},
	}
}

// life is one run of a container: from ran to ended, ready for served of it; the
// next one began at next, 0 where none was seen.
type life struct{ ran, ended, served, next int64 }

// lives are the whole runs of a pod's only container, each with the pause after
// it.
func lives(s *said) []life {
	var out []life
	var now *life
	readySince := int64(-1)
	count := -1
	for i, p := range s.pods {
		t := s.at[i]
		if n := restartsOf(p); isRunning(p) && n > count {
			if now != nil { // nobody told its end apart from the next one's start
				if readySince >= 0 {
					now.served += t - readySince
					readySince = -1
				}
				out = append(out, life{now.ran, t, now.served, t})
			} else if len(out) > 0 {
				out[len(out)-1].next = t
			}
			now, count = &life{ran: t}, n
		}
		if now == nil {
			continue
		}
		switch {
		case isReady(p) && readySince < 0:
			readySince = t
		case !isReady(p) && readySince >= 0:
			now.served += t - readySince
			readySince = -1
		}
		if !isRunning(p) {
			now.ended = t
			out = append(out, *now)
			now = nil
		}
	}
	return out
}

// doublingPauses claims the back-offs: the first restart is at once, each pause
// after it lasts as long as it should, or a little longer.
func doublingPauses(name string) Claim {
	return about(name, fmt.Sprintf("the first restart is at once, the %d pauses after it last 10, 20, 40, 80, 160 s, each at most %.0f s longer", pauses, pauseLate.Seconds()),
		func(s *said) (string, bool) {
			var texts []string
			holds := true
			want := time.Duration(0)
			n := 0
			for _, l := range lives(s) {
				if l.next == 0 {
					continue
				}
				pause := time.Duration(l.next-l.ended) * time.Millisecond
				texts = append(texts, fmt.Sprintf("%.0f", pause.Seconds()))
				// Both ends are told a moment late.
				holds = holds && pause > want-2*time.Second && pause < want+pauseLate
				n++
				want = max(firstPause, 2*want)
			}
			return strings.Join(texts, ", ") + " s", holds && n == pauses+1
		})
}

// steadyState computes what the measured lives come to when every pause is the
// longest.
func steadyState(s *said) (string, bool) {
	all := lives(s)
	if len(all) == 0 {
		return "it never ended", false
	}
	served, lasted := int64(0), int64(0)
	for _, l := range all {
		served += l.served
		lasted += l.ended - l.ran
	}
	n := int64(len(all))
	share := float64(served) / float64(lasted+n*lastPause.Milliseconds())
	return fmt.Sprintf("%.1f s of each life of %.1f s; with the longest pause %.0f %%", float64(served/n)/1000, float64(lasted/n)/1000, 100*share),
		0.10 < share && share < 0.20
}
