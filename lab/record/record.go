// Package record is the format of a recorded run: JSON lines, one event a
// line, in the order of their arrival. Watching, loading, asserting and drawing
// are separate programs that share nothing but this format.
//
// The first line is a Header, the last an End; a file without an End was cut
// short. Times are milliseconds since the header's Started on the recorder's
// clock: for what comes from a watch the time at which the event arrived, for a
// request the time at which it was due.
package record

// Line is one line of a file: a time and exactly one of the others.
type Line struct {
	// T is milliseconds since Header.Started.
	T int64 `json:"t"`

	Header     *Header     `json:"header,omitempty"`
	Mark       *Mark       `json:"mark,omitempty"`
	Pod        *Pod        `json:"pod,omitempty"`
	ReplicaSet *ReplicaSet `json:"rs,omitempty"`
	Deployment *Deployment `json:"deploy,omitempty"`
	Endpoints  *Endpoints  `json:"eps,omitempty"`
	Revision   *Revision   `json:"rev,omitempty"`
	Route      *Route      `json:"route,omitempty"`
	Scaler     *Scaler     `json:"scaler,omitempty"`
	Event      *Event      `json:"event,omitempty"`
	Request    *Request    `json:"req,omitempty"`
	Sample     *Sample     `json:"sample,omitempty"`
	End        *End        `json:"end,omitempty"`
}

// Header says what was run and how.
type Header struct {
	// Experiment is the name of the experiment, Family the group of pictures
	// that share one time axis: rollouts, probes, autoscaling.
	Experiment string `json:"experiment"`
	Family     string `json:"family"`
	// Run counts the repetitions, from 1.
	Run int `json:"run"`
	// Started is the time of T = 0, RFC 3339 with milliseconds, UTC.
	Started string `json:"started"`
	// Want is the number of available pods that the workload promises.
	Want int `json:"want,omitempty"`
	// Manifests has a hash of the objects in each file that was applied, by the
	// file's path in the repository: the SHA-256, in hex, of the objects as JSON
	// with sorted keys, so that comments and layout may change.
	Manifests map[string]string `json:"manifests"`
	// Clients says how requests were made, by the names that Request.Client uses.
	Clients map[string]Client `json:"clients,omitempty"`
	// Cluster has versions and sizes: "kubernetes", "knative", "cpus", …
	Cluster map[string]string `json:"cluster,omitempty"`
}

// Client is one stream of requests.
type Client struct {
	// Place is where the client ran, Path what its requests went through
	// ("ClusterIP of a Service", "route through Kourier").
	Place string `json:"place"`
	Path  string `json:"path"`
	// Rate is in requests a second, open loop: a late answer delays no request.
	Rate float64 `json:"rate"`
	// Fresh says that each request has a connection of its own; otherwise
	// connections are kept.
	Fresh bool `json:"fresh,omitempty"`
	// SlowMillis is the latency from which an answer counts as slow.
	SlowMillis int64 `json:"slow_ms"`
	// TimeoutMillis is the latency from which a request has failed.
	TimeoutMillis int64 `json:"timeout_ms"`
}

// Names of marks that every experiment with a change has.
const (
	// MarkTrigger is the change that the run is about.
	MarkTrigger = "trigger"
	// MarkDone is the moment at which the controller says that it is done, or
	// at which it gave up.
	MarkDone = "done"
)

// Mark is a moment of the experiment's script.
type Mark struct {
	Name string `json:"name"`
	// Text is what was done, as a command where it is one.
	Text string `json:"text,omitempty"`
}

// Pod is the state of a pod as a watch told it.
type Pod struct {
	Name string `json:"name"`
	// UID tells two pods of one name apart.
	UID string `json:"uid"`
	// Owner is "ReplicaSet/NAME" or "" for a bare pod.
	Owner string `json:"owner,omitempty"`
	// Version is v1 or v2: of the revision, or the tag of the image in the
	// pod's specification.
	Version string `json:"version"`
	Phase   string `json:"phase"`
	// Reason is the pod's own, such as Evicted; Unscheduled the reason of the
	// condition PodScheduled while that is false.
	Reason      string `json:"reason,omitempty"`
	Unscheduled string `json:"unscheduled,omitempty"`
	Ready       bool   `json:"ready,omitempty"`
	QoS         string `json:"qos,omitempty"`
	// Deleting: the pod has a deletion timestamp. Gone: it was removed.
	Deleting bool `json:"deleting,omitempty"`
	Gone     bool `json:"gone,omitempty"`
	// Created is in milliseconds since Header.Started, to the second only.
	Created int64 `json:"created"`
	// Containers are the pod's own, without those that Knative adds.
	Containers []Container `json:"containers,omitempty"`
}

// Container is the state of one container.
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// State is waiting, running or terminated.
	State string `json:"state"`
	// Reason and Exit are those of State, or, where the container waits or runs
	// again, LastReason and LastExit those of the run before.
	Reason     string `json:"reason,omitempty"`
	Exit       *int32 `json:"exit,omitempty"`
	LastReason string `json:"last_reason,omitempty"`
	LastExit   *int32 `json:"last_exit,omitempty"`
	Restarts   int32  `json:"restarts,omitempty"`
	// Started is what the startup probe says, Ready what the readiness probe does.
	Started bool `json:"started,omitempty"`
	Ready   bool `json:"ready,omitempty"`
}

// ReplicaSet is the state of a ReplicaSet.
type ReplicaSet struct {
	Name  string `json:"name"`
	Owner string `json:"owner,omitempty"`
	// Image is that of the template.
	Image     string `json:"image"`
	Want      int32  `json:"want"`
	Pods      int32  `json:"pods"`
	Ready     int32  `json:"ready"`
	Available int32  `json:"available"`
	Gone      bool   `json:"gone,omitempty"`
}

// Deployment is the state of a Deployment.
type Deployment struct {
	Name string `json:"name"`
	// Observed says that the status belongs to the newest specification.
	Observed  bool   `json:"observed"`
	Image     string `json:"image"`
	Want      int32  `json:"want"`
	Pods      int32  `json:"pods"`
	Updated   int32  `json:"updated"`
	Ready     int32  `json:"ready"`
	Available int32  `json:"available"`
	// Conditions are "TYPE=STATUS REASON".
	Conditions []string `json:"conditions,omitempty"`
	Gone       bool     `json:"gone,omitempty"`
}

// Endpoints are the pods behind a Service.
type Endpoints struct {
	Service string `json:"service"`
	// Ready pods get new connections; Terminating ones get them only when no
	// pod is ready.
	Ready       []string `json:"ready"`
	NotReady    []string `json:"not_ready,omitempty"`
	Terminating []string `json:"terminating,omitempty"`
}

// Revision is the state of a Knative revision.
type Revision struct {
	Name string `json:"name"`
	// Ready and Active are the conditions' statuses (True, False, Unknown).
	Ready  string `json:"ready"`
	Active string `json:"active,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Want and Have count pods, as the autoscaler says.
	Want int32 `json:"want"`
	Have int32 `json:"have"`
	Gone bool  `json:"gone,omitempty"`
}

// Route is the state of a Knative route.
type Route struct {
	Name    string    `json:"name"`
	Ready   string    `json:"ready"`
	Reason  string    `json:"reason,omitempty"`
	Traffic []Traffic `json:"traffic"`
}

// Traffic is one target of a route.
type Traffic struct {
	Revision string `json:"revision"`
	Tag      string `json:"tag,omitempty"`
	Percent  int64  `json:"percent"`
}

// Scaler is the state of a HorizontalPodAutoscaler or a PodAutoscaler.
type Scaler struct {
	// Kind is hpa or kpa.
	Kind string `json:"kind"`
	Name string `json:"name"`
	Want int32  `json:"want"`
	Have int32  `json:"have"`
	// Metric is what it scales by, as it says it: "cpu 74%/50%".
	Metric string `json:"metric,omitempty"`
}

// Event is a Kubernetes event.
type Event struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	// Object is "KIND/NAME".
	Object  string `json:"object"`
	Message string `json:"message"`
	Count   int32  `json:"count,omitempty"`
}

// Request is one request of a client; keys are short because there are many.
type Request struct {
	Client string `json:"c"`
	// Status is the HTTP status, 0 when there was none; Error then says why in
	// a word or two: refused, reset, timeout, …
	Status int    `json:"s"`
	Error  string `json:"e,omitempty"`
	// Micros is the latency, from the moment at which the request was due.
	Micros int64 `json:"us"`
	// Version is v1 or v2 and Pod a pod's name, as the answer says.
	Version string `json:"v,omitempty"`
	Pod     string `json:"p,omitempty"`
}

// OK says whether the request was answered with a prediction.
func (r Request) OK() bool { return r.Error == "" && r.Status >= 200 && r.Status < 300 }

// Sample is what was measured at a moment: cumulative CPU seconds, bytes, …
type Sample struct {
	// Of names what was measured: a pod, a namespace, a control group.
	Of     string             `json:"of"`
	Values map[string]float64 `json:"values"`
}

// End is the last line.
type End struct {
	// Failed says why the experiment could not be carried through; "" is right.
	Failed string `json:"failed,omitempty"`
}
