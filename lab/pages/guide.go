package pages

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// advice is one row of the guide: what matters most, what to take, why, and the
// experiments that show it.
type advice struct {
	need, take, why string
	shown           []string
}

func advices() []advice {
	return []advice{
		{"no failed request, little room for more pods", "a Deployment with RollingUpdate 25 % and 25 %, readiness probes, and a drain at the end of each pod",
			"one pod more at a time, and all but one stay ready; both versions answer meanwhile", []string{"rolling-25-25", "rolling-1-1"}},
		{"over soon, and half of the capacity is enough for a while", "RollingUpdate 50 % and 50 %",
			"fewer turns; ready pods go down to half", []string{"rolling-50-50"}},
		{"all of the capacity all the time, room for twice the pods", "RollingUpdate with maxSurge 100 % and maxUnavailable 0",
			"never fewer ready pods than before; it is no switch, since both versions answer meanwhile", []string{"surge"}},
		{"no caller may meet both versions, and the way back has to be at once", "two Deployments and one Service whose selector is switched",
			"new connections change over in one moment, and the old pods stay ready; kept connections stay where they are", []string{"blue-green"}},
		{"two versions must never run together, and an outage is allowed", "Recreate",
			"the old ones are gone before the first new one starts; nobody answers meanwhile", []string{"recreate"}},
		{"a fixed share of the requests for the new version, and nothing while nobody asks", "Knative revisions with a split of the traffic",
			"the share holds for requests, whatever the number of pods is", []string{"knative-split"}},
		{"a share that grows by itself", "Knative with rollout-duration", "the route moves step by step over the given time", []string{"knative-gradual"}},
		{"to look at the new version before anybody gets it", "a Knative tag with 0 %", "it has an address of its own, and no share", []string{"knative-tag-only"}},
		{"versions that may die some time after they have turned ready", "minReadySeconds above that time, progressDeadlineSeconds above both, and an alarm on Progressing=False",
			"the rollout stalls and the old pods serve on; nothing rolls back by itself", []string{"dying-image-caught", "dying-image"}},
		{"a new version that may not start at all", "Knative revisions, or a Deployment with readiness probes and maxUnavailable below its replicas",
			"what is never ready never gets traffic, and callers stay with the old version", []string{"knative-broken", "dying-image-caught"}},
		{"all callers over to another version at once, and back, without keeping pods of both", "Knative, one patch of the traffic",
			"the route sends every request by its new shares, over kept connections too; a revision at zero starts a pod while the first requests wait", []string{"knative-promote", "knative-rollback"}},
		{"pods within seconds of a rise of the load", "Knative's autoscaler", "it counts requests every two seconds; a HorizontalPodAutoscaler waits for readings of the CPU", []string{"knative-scale", "hpa"}},
		{"many models that are seldom asked", "Knative, scaled to zero", "the platform costs as much as a number of idle pods, and each further idle model nothing", []string{"idle-cost"}},
		{"the way back of a Deployment", "`kubectl rollout undo`", "it is a rollout like any other: it takes as long, and both versions answer meanwhile", []string{"undo"}},
	}
}

// avoid are the settings that look like one of the others.
func avoid() []advice {
	return []advice{
		{"maxSurge 0 and maxUnavailable 100 %", "every old pod is told to end at once and none is ready until a new one is; only the drain of the old ones stands between callers and an outage", "", []string{"unavailable-100"}},
		{"no readiness probe", "pods count as ready once they run, and get traffic before they listen", "", []string{"no-readiness"}},
		{"minReadySeconds 0 with a version that dies later", "the rollout is reported as a success, then everything fails", "", []string{"dying-image"}},
	}
}

// guide writes both tables; only experiments with a page are linked.
func guide(d *document, results []*Result) {
	var rows [][]string
	for _, a := range advices() {
		rows = append(rows, []string{a.need, a.take, a.why, evidence(a.shown, results)})
	}
	d.table("llll", []string{"what matters", "take", "what it does", "evidence"}, rows)
	rows = nil
	for _, a := range avoid() {
		rows = append(rows, []string{a.need, a.take, evidence(a.shown, results)})
	}
	d.table("lll", []string{"avoid", "what it is", "evidence"}, rows)
}

// evidence links the pages of those experiments that have one.
func evidence(names []string, results []*Result) string {
	var links []string
	for _, name := range names {
		i := slices.IndexFunc(results, func(r *Result) bool { return r.Name == name })
		if i >= 0 {
			links = append(links, fmt.Sprintf("[%s](%s)", name, path.Join("comparisons", name+".md")))
		}
	}
	if len(links) == 0 {
		return "–"
	}
	return strings.Join(links, ", ")
}

// notMeasured has what others build for the same question: no run here says
// anything about it.
func notMeasured(d *document) {
	d.table("lll", []string{"", "", "take it instead when"}, [][]string{
		{"Argo Rollouts", "not measured", "steps of a rollout have to wait for an analysis of metrics or for a person, and a failed step has to go back by itself: a Deployment stalls and stays so. It replaces the Deployment by its own Rollout object"},
		{"Flagger", "not measured", "the same, for Deployments that are to stay as they are and a service mesh or ingress that can weigh traffic"},
		{"Gateway API, weights of backendRefs", "not measured", "an exact share of requests is all that is wanted, for pods that always run: no scale to zero, no revisions, but a standard that several gateways implement"},
	})
	d.p("What is said of them here is from their documentation, not from runs.")
}
