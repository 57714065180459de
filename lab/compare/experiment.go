// Package compare runs experiments on a cluster, records them, and holds what
// was recorded against what is claimed. An experiment is data and a script; it
// is one entry in a file of its family.
package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"online-inference/lab/record"
)

// Experiment is one question to a cluster.
type Experiment struct {
	// Name is the name of its files and its page, Family the group that shares
	// one time axis.
	Name, Family string
	Title        string
	// Question is answered by Answer in one sentence without measured numbers.
	Question, Answer string
	// Promise is what a rollout promises its callers, "" for nothing.
	Promise string
	// Files are all files that the scripts apply, from the project's root: the
	// record has their hashes.
	Files []string
	// Want is the number of available pods that the workload promises, 0 for none.
	Want int
	// Load says who asks for predictions meanwhile; without Service and Route
	// nobody does.
	Load Load
	// Setup makes what is there before, Script makes the change: it sets
	// record.MarkTrigger and record.MarkDone.
	Setup, Script func(ctx context.Context, s *Stage) error
	// Tail is how long is recorded after Script; 0 means DefaultTail.
	Tail time.Duration
	// Runs is how often it is repeated, Takes how long one run lasts, about.
	Runs  int
	Takes time.Duration
	// Alone experiments measure the machine: no other one runs beside them.
	Alone bool
	// Metrics experiments need metrics-server in the cluster.
	Metrics bool
	// Claims are held against each run.
	Claims []Claim
}

// Claim is a sentence about a run that the record can break.
type Claim struct {
	Text string
	// Check says what was measured, and an error where the claim does not hold.
	Check func(run *record.Run) (measured string, err error)
}

// Load describes the clients of an experiment.
type Load struct {
	// Service is asked through its ClusterIP, or Route, a Knative Service,
	// through the ingress. Path is what a page says of it.
	Service, Route string
	// Tag is a tag of the Route that a third client, "tag", asks for.
	Tag string
	// Rate is in requests a second for each client; 0 means DefaultRate.
	Rate float64
	// Rows is how many patients are in a request; 0 means 1.
	Rows int
	// Timeout is when a request has failed; 0 means DefaultTimeout.
	Timeout time.Duration
	// Unsteady load starts whether or not the service answers.
	Unsteady bool
	// Later load starts when Script calls StartLoad: before that there is nobody
	// to answer.
	Later bool
}

// Defaults of an experiment.
const (
	DefaultRate    = 40
	DefaultTimeout = 5 * time.Second
	DefaultTail    = 14 * time.Second
	// Baseline is recorded before each change.
	Baseline = 6 * time.Second
	// slow is the latency from which an answer counts as slow.
	slow = 200 * time.Millisecond
	// connections is how many the client with kept connections holds.
	connections = 8
	// inFlight bounds the unanswered requests of a client.
	inFlight = 400
)

// Command is what repeats the experiment.
func (e *Experiment) Command() string { return "make experiments NAME=" + e.Name }

// All are the experiments, in the order of their pages.
func All() []Experiment {
	return slices.Concat(pods(), resources(), probes(), replicasets(), rollouts(), knativeRollouts(), autoscaling())
}

// Find picks experiments by name; no name means all.
func Find(names []string) ([]Experiment, error) {
	all := All()
	if len(names) == 0 {
		return all, nil
	}
	var out []Experiment
	for _, name := range names {
		i := slices.IndexFunc(all, func(e Experiment) bool { return e.Name == name })
		if i < 0 {
			known := make([]string, len(all))
			for j, e := range all {
				known[j] = e.Name
			}
			return nil, fmt.Errorf("no experiment %q; there are %s", name, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// FileName is the name of a recorded run, counted from 1.
func FileName(experiment string, run int) string {
	return fmt.Sprintf("%s-%d.events.jsonl.gz", experiment, run)
}
