package rules

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// A set is what is applied together.
type set struct {
	names   []string // of the files, in order
	objects []*object
}

// An object is one manifest.
type object struct {
	file, kind, name string
	raw              map[string]any // as written
	typed            any            // pointer to the kind's type
	pod              *pod           // what pods it makes; nil for none
}

// A pod is what an object makes its pods of.
type pod struct {
	labels map[string]string
	spec   *corev1.PodSpec
	// Of a controller; a bare Pod has neither.
	selector *metav1.LabelSelector
	replicas *int32
}

// kinds are those that manifests here may have.
func kinds() map[string]func() any {
	return map[string]func() any{
		"v1 Pod":                                 func() any { return &corev1.Pod{} },
		"v1 Service":                             func() any { return &corev1.Service{} },
		"v1 ConfigMap":                           func() any { return &corev1.ConfigMap{} },
		"v1 Secret":                              func() any { return &corev1.Secret{} },
		"v1 ServiceAccount":                      func() any { return &corev1.ServiceAccount{} },
		"apps/v1 ReplicaSet":                     func() any { return &appsv1.ReplicaSet{} },
		"apps/v1 Deployment":                     func() any { return &appsv1.Deployment{} },
		"apps/v1 StatefulSet":                    func() any { return &appsv1.StatefulSet{} },
		"batch/v1 Job":                           func() any { return &batchv1.Job{} },
		"policy/v1 PodDisruptionBudget":          func() any { return &policyv1.PodDisruptionBudget{} },
		"autoscaling/v2 HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
		"networking.k8s.io/v1 NetworkPolicy":     func() any { return &networkingv1.NetworkPolicy{} },
		"networking.k8s.io/v1 Ingress":           func() any { return &networkingv1.Ingress{} },
		"serving.knative.dev/v1 Service":         func() any { return &servingv1.Service{} },
		"serving.knative.dev/v1 Configuration":   func() any { return &servingv1.Configuration{} },
		"serving.knative.dev/v1 Route":           func() any { return &servingv1.Route{} },
	}
}

// read decodes every document. A field that a kind does not have is an error.
func read(files []File) (*set, error) {
	s := &set{}
	for _, f := range files {
		s.names = append(s.names, f.Name)
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(f.Text)))
		for {
			part, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("cannot read %s: %w", f.Name, err)
			}
			o, err := readOne(part)
			if err != nil {
				return nil, fmt.Errorf("cannot decode %s: %w", f.Name, err)
			}
			if o == nil { // comments alone
				continue
			}
			o.file = f.Name
			s.objects = append(s.objects, o)
		}
	}
	if len(s.objects) == 0 {
		return nil, errors.New("no manifest to check")
	}
	return s, nil
}

func readOne(text []byte) (*object, error) {
	written, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	o := &object{}
	if err := json.Unmarshal(written, &o.raw); err != nil {
		return nil, err
	}
	if o.raw == nil {
		return nil, nil
	}
	o.kind, o.name = textAt(o.raw, "kind"), textAt(o.raw, "metadata", "name")
	construct, known := kinds()[textAt(o.raw, "apiVersion")+" "+o.kind]
	if !known {
		return nil, fmt.Errorf("%s %s is no kind that is known here", textAt(o.raw, "apiVersion"), o.kind)
	}
	o.typed = construct()
	// What the two rules on values say better than a decoder is mended first, in
	// a copy.
	var mended map[string]any
	if err := json.Unmarshal(written, &mended); err != nil {
		return nil, err
	}
	mendQuantities(mended)
	if o.kind == "ConfigMap" {
		mendStrings(mended)
	}
	clean, err := json.Marshal(mended)
	if err != nil {
		return nil, err
	}
	faults, err := kjson.UnmarshalStrict(clean, o.typed)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s %s: %w", o.kind, o.name, errors.Join(faults...))
	}
	o.pod = podOf(o.typed)
	return o, nil
}

// podOf finds the pods of a kind.
func podOf(typed any) *pod {
	switch k := typed.(type) {
	case *corev1.Pod:
		return &pod{labels: k.Labels, spec: &k.Spec}
	case *appsv1.ReplicaSet:
		return &pod{k.Spec.Template.Labels, &k.Spec.Template.Spec, k.Spec.Selector, k.Spec.Replicas}
	case *appsv1.Deployment:
		return &pod{k.Spec.Template.Labels, &k.Spec.Template.Spec, k.Spec.Selector, k.Spec.Replicas}
	case *appsv1.StatefulSet:
		return &pod{k.Spec.Template.Labels, &k.Spec.Template.Spec, k.Spec.Selector, k.Spec.Replicas}
	case *batchv1.Job:
		return &pod{labels: k.Spec.Template.Labels, spec: &k.Spec.Template.Spec}
	case *servingv1.Service:
		return &pod{labels: k.Spec.Template.Labels, spec: &k.Spec.Template.Spec.PodSpec}
	case *servingv1.Configuration:
		return &pod{labels: k.Spec.Template.Labels, spec: &k.Spec.Template.Spec.PodSpec}
	}
	return nil
}

// knative tells whether Knative makes the pods: their labels are then its own.
func (o *object) knative() bool {
	switch o.typed.(type) {
	case *servingv1.Service, *servingv1.Configuration, *servingv1.Route:
		return true
	}
	return false
}

// most is the largest number of replicas: what an autoscaler of the set may ask
// for, else what stands there.
func (s *set) most(o *object) int32 {
	for _, other := range s.objects {
		if h, ok := other.typed.(*autoscalingv2.HorizontalPodAutoscaler); ok &&
			h.Spec.ScaleTargetRef.Kind == o.kind && h.Spec.ScaleTargetRef.Name == o.name {
			return h.Spec.MaxReplicas
		}
	}
	if o.pod.replicas == nil {
		return 1
	}
	return *o.pod.replicas
}

// textAt is the text at a path of fields, "" where there is none.
func textAt(tree map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		next, ok := tree[key].(map[string]any)
		if !ok {
			return ""
		}
		tree = next
	}
	text, ok := tree[path[len(path)-1]].(string)
	if !ok {
		return ""
	}
	return text
}
