package rules

import (
	"reflect"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// environment is what a container is started with, as far as the set says: from
// ConfigMaps of the set, and by values written out.
func (s *set) environment(c *corev1.Container) map[string]string {
	env := map[string]string{}
	maps := map[string]*corev1.ConfigMap{}
	for _, o := range s.objects {
		if m, ok := o.typed.(*corev1.ConfigMap); ok {
			maps[m.Name] = m
		}
	}
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef == nil || maps[from.ConfigMapRef.Name] == nil {
			continue
		}
		for key, value := range maps[from.ConfigMapRef.Name].Data {
			env[from.Prefix+key] = value
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if e.ValueFrom == nil || e.ValueFrom.ConfigMapKeyRef == nil {
			continue
		}
		if m := maps[e.ValueFrom.ConfigMapKeyRef.Name]; m != nil {
			env[e.Name] = m.Data[e.ValueFrom.ConfigMapKeyRef.Key]
		}
	}
	return env
}

// or is a number that has a default where it is not given.
func or(n, standard int32) time.Duration {
	if n == 0 {
		n = standard
	}
	return time.Duration(n) * time.Second
}

// firstKill is when a probe that never succeeds has its container killed: after
// the last of failureThreshold failures, the first of which comes at once.
func firstKill(p *corev1.Probe) time.Duration {
	failures := p.FailureThreshold
	if failures == 0 {
		failures = 3
	}
	return time.Duration(p.InitialDelaySeconds)*time.Second + time.Duration(failures-1)*or(p.PeriodSeconds, 10)
}

// checkBudgets holds START_DELAY, how long the server sleeps before it listens,
// against the probes that kill, and against what a Deployment waits for.
func checkBudgets(s *set, add report) {
	for _, o := range s.objects {
		if o.pod == nil {
			continue
		}
		for i := range o.pod.spec.Containers {
			c := &o.pod.spec.Containers[i]
			text, ok := s.environment(c)["START_DELAY"]
			if !ok || text == "" {
				continue
			}
			delay, err := time.ParseDuration(text)
			if err != nil {
				add(o, "START_DELAY %s is no duration", text)
				continue
			}
			probe, name := c.StartupProbe, "startup"
			if probe == nil {
				probe, name = c.LivenessProbe, "liveness"
			}
			if probe != nil && firstKill(probe) <= delay {
				add(o, "the %s probe kills after %v, and the server listens after %v: it never starts", name, firstKill(probe), delay)
			}
			if d, ok := o.typed.(*appsv1.Deployment); ok {
				deadline := 600 * time.Second
				if d.Spec.ProgressDeadlineSeconds != nil {
					deadline = time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second
				}
				if needed := delay + time.Duration(d.Spec.MinReadySeconds)*time.Second; deadline <= needed {
					add(o, "progressDeadlineSeconds of %v is over before a new pod can be available, after %v", deadline, needed)
				}
			}
		}
	}
}

// checkSameProbe finds liveness probes that ask what the readiness probe asks: a
// pod that is not ready for a while is then killed instead of left alone.
func checkSameProbe(s *set, add report) {
	for _, o := range s.objects {
		if o.pod == nil {
			continue
		}
		for _, c := range o.pod.spec.Containers {
			if c.LivenessProbe == nil || c.ReadinessProbe == nil {
				continue
			}
			if reflect.DeepEqual(c.LivenessProbe.ProbeHandler, c.ReadinessProbe.ProbeHandler) {
				add(o, "the liveness probe of %s asks what the readiness probe asks", c.Name)
			}
		}
	}
}

// checkNoReadiness finds Deployments whose pods count as ready as soon as their
// process runs.
func checkNoReadiness(s *set, add report) {
	for _, o := range s.objects {
		if _, ok := o.typed.(*appsv1.Deployment); !ok {
			continue
		}
		probed := false
		for _, c := range o.pod.spec.Containers {
			probed = probed || c.ReadinessProbe != nil
		}
		if !probed {
			add(o, "no readiness probe: a rollout goes on, and requests come, before the server listens")
		}
	}
}

// checkHostPorts finds ports of the node in what may have several pods: the
// second one on a node stays Pending, and so does the first one of a rollout.
func checkHostPorts(s *set, add report) {
	for _, o := range s.objects {
		if o.pod == nil || o.pod.selector == nil || s.most(o) < 2 {
			continue
		}
		for _, c := range o.pod.spec.Containers {
			for _, p := range c.Ports {
				if p.HostPort != 0 {
					add(o, "hostPort %d with %d replicas: a node holds one of them", p.HostPort, s.most(o))
				}
			}
		}
	}
}
