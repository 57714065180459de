package rules

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// traffic is where a Service or a Route sends requests.
func traffic(o *object) []servingv1.TrafficTarget {
	switch k := o.typed.(type) {
	case *servingv1.Service:
		return k.Spec.Traffic
	case *servingv1.Route:
		return k.Spec.Traffic
	}
	return nil
}

// checkRevisions holds every revision and Configuration that traffic names
// against those that the set makes. A Service may only name its own, from this
// file or an earlier one; a Route waits for what comes later.
func checkRevisions(s *set, add report) {
	owner := map[string]string{}    // revision -> the Service or Configuration that makes it
	made := map[string]int{}        // revision -> position of that object
	configured := map[string]bool{} // Configurations
	for i, o := range s.objects {
		switch k := o.typed.(type) {
		case *servingv1.Service:
			configured[k.Name] = true
			owner[k.Spec.Template.Name], made[k.Spec.Template.Name] = "Service "+k.Name, i
		case *servingv1.Configuration:
			configured[k.Name] = true
			owner[k.Spec.Template.Name], made[k.Spec.Template.Name] = "Configuration "+k.Name, i
		}
	}
	for i, o := range s.objects {
		for _, t := range traffic(o) {
			if t.ConfigurationName != "" && !configured[t.ConfigurationName] {
				add(o, "traffic to Configuration %s, which nothing makes", t.ConfigurationName)
			}
			if t.RevisionName == "" {
				continue
			}
			by, known := owner[t.RevisionName]
			switch {
			case !known:
				add(o, "traffic to revision %s, which nothing makes", t.RevisionName)
			case o.kind == "Service" && by != "Service "+o.name:
				add(o, "traffic to revision %s, which is %s's: Knative refuses it", t.RevisionName, by)
			case o.kind == "Service" && made[t.RevisionName] > i:
				add(o, "traffic to revision %s, which only a later file makes", t.RevisionName)
			}
		}
	}
}

// checkFlagged asks Knative's own checks, with every feature flag as a fresh
// installation has it, for fields that it does not take.
func checkFlagged(s *set, add report) {
	for _, o := range s.objects {
		ctx := apis.WithinCreate(context.Background())
		var err *apis.FieldError
		switch k := o.typed.(type) {
		case *servingv1.Service:
			k = k.DeepCopy()
			k.SetDefaults(ctx)
			err = k.Validate(ctx)
		case *servingv1.Configuration:
			k = k.DeepCopy()
			k.SetDefaults(ctx)
			err = k.Validate(ctx)
		}
		if err == nil { // not `continue` on a nil error: FieldError is a pointer
			continue
		}
		for line := range strings.Lines(err.Error()) {
			if strings.Contains(line, "must not set the field(s)") {
				add(o, "%s: Knative has it behind a feature flag", strings.TrimSpace(line))
			}
		}
	}
}

// checkProbePeriod finds readiness probes that are slowed down: without
// periodSeconds the queue-proxy asks every 50 ms, with it once in that time.
func checkProbePeriod(s *set, add report) {
	for _, o := range s.objects {
		if o.pod == nil || !o.knative() {
			continue
		}
		for _, c := range o.pod.spec.Containers {
			if c.ReadinessProbe != nil && c.ReadinessProbe.PeriodSeconds != 0 {
				add(o, "periodSeconds %d on the readiness probe: every start waits for whole seconds", c.ReadinessProbe.PeriodSeconds)
			}
		}
	}
}

// fullDuplex is the annotation of a revision whose proxies read a request while
// they answer it.
const fullDuplex = "features.knative.dev/http-full-duplex"

// checkDuplex finds revisions of HTTP/1 whose large requests can lose their
// answers: Knative's proxies, as Go's HTTP/1 server is by default, close a
// connection whose request was not read whole when its answer was there. With
// HTTP/2 there is nothing to set, and Knative fails with it.
func checkDuplex(s *set, add report) {
	for _, o := range s.objects {
		var template *servingv1.RevisionTemplateSpec
		switch k := o.typed.(type) {
		case *servingv1.Service:
			template = &k.Spec.Template
		case *servingv1.Configuration:
			template = &k.Spec.Template
		default:
			continue
		}
		http2 := false
		for _, c := range template.Spec.Containers {
			http2 = http2 || slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == "h2c" })
		}
		switch on := template.Annotations[fullDuplex] == "Enabled"; {
		case on && http2:
			add(o, "%s with the port h2c: Knative's proxy fails with both", fullDuplex)
		case !on && !http2:
			add(o, "no %s: Enabled: requests of some hundred kB can lose their answers", fullDuplex)
		}
	}
}
