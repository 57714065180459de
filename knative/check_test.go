package knative

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/yaml"
)

// The one image reference that ko replaces by what it builds.
const koImage = "ko://online-inference/function"

// document is one file of a folder that is applied as a whole.
type document struct {
	name string
	text []byte
}

// object is one decoded manifest: exactly one of the pointers is set.
type object struct {
	file          string
	service       *servingv1.Service
	configuration *servingv1.Configuration
	route         *servingv1.Route
}

// server is what the manifests must agree with on the function's side.
type server struct {
	env      map[string]string // environment name -> default, from its Config
	versions map[string]bool   // bundled model versions
}

// readFolder reads what `ko apply -f dir` reads: the YAML files of the folder
// itself, in the order of their names.
func readFolder(dir string) ([]document, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no YAML file in %s", dir)
	}
	var docs []document
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		docs = append(docs, document{filepath.Base(path), text})
	}
	return docs, nil
}

// decode turns a folder into typed objects. A field that the type does not
// have, or a key given twice, is an error.
func decode(docs []document) ([]object, error) {
	var objects []object
	for _, doc := range docs {
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(doc.text)))
		for {
			part, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("cannot read %s: %w", doc.name, err)
			}
			o, err := decodeOne(doc.name, part)
			if err != nil {
				return nil, fmt.Errorf("cannot decode %s: %w", doc.name, err)
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

func decodeOne(file string, text []byte) (object, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return object{}, err
	}
	o := object{file: file}
	switch kind.GroupVersionKind() {
	case servingv1.SchemeGroupVersion.WithKind("Service"):
		o.service = &servingv1.Service{}
		return o, yaml.UnmarshalStrict(text, o.service)
	case servingv1.SchemeGroupVersion.WithKind("Configuration"):
		o.configuration = &servingv1.Configuration{}
		return o, yaml.UnmarshalStrict(text, o.configuration)
	case servingv1.SchemeGroupVersion.WithKind("Route"):
		o.route = &servingv1.Route{}
		return o, yaml.UnmarshalStrict(text, o.route)
	}
	return object{}, fmt.Errorf("%s %s is no kind that belongs here", kind.APIVersion, kind.Kind)
}

// problems says everything that is wrong with a folder applied to an empty
// namespace in the order given; nil means that nothing is.
func problems(docs []document, srv server) []string {
	objects, err := decode(docs)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	add := func(o object, format string, args ...any) {
		found = append(found, o.file+": "+fmt.Sprintf(format, args...))
	}

	targets := map[string]bool{} // revisions and Configurations that traffic may name
	for _, o := range objects {
		if o.service != nil {
			targets["revision "+o.service.Spec.Template.Name] = true
		}
		if o.configuration != nil {
			targets["Configuration "+o.configuration.Name] = true
		}
		// A Service's traffic must be complete once its own file is applied; a
		// Route waits for what comes later, so it is looked at below.
		if o.service != nil {
			checkTargets(o, o.service.Spec.Traffic, targets, add)
		}
	}
	for _, o := range objects {
		if o.route != nil {
			checkTargets(o, o.route.Spec.Traffic, targets, add)
		}
		if t := o.template(); t != nil {
			checkTemplate(o, t, srv, add)
		}
		if err := validate(o); err != nil {
			add(o, "Knative: %v", err)
		}
	}
	return found
}

func (o object) template() *servingv1.RevisionTemplateSpec {
	switch {
	case o.service != nil:
		return &o.service.Spec.Template
	case o.configuration != nil:
		return &o.configuration.Spec.Template
	}
	return nil
}

// validate runs what Knative's webhook runs on a new object: defaults, then the
// checks, with every feature flag as a stock installation has it.
func validate(o object) error {
	ctx := apis.WithinCreate(context.Background())
	var err *apis.FieldError
	switch {
	case o.service != nil:
		s := o.service.DeepCopy()
		s.SetDefaults(ctx)
		err = s.Validate(ctx)
	case o.configuration != nil:
		c := o.configuration.DeepCopy()
		c.SetDefaults(ctx)
		err = c.Validate(ctx)
	case o.route != nil:
		r := o.route.DeepCopy()
		r.SetDefaults(ctx)
		err = r.Validate(ctx)
	}
	if err == nil { // a nil *FieldError must not become a non-nil error
		return nil
	}
	return err
}

type report func(o object, format string, args ...any)

func checkTargets(o object, traffic []servingv1.TrafficTarget, targets map[string]bool, add report) {
	if len(traffic) == 0 {
		add(o, "no traffic block: Knative would send everything to the latest revision")
	}
	for i, t := range traffic {
		what := "revision " + t.RevisionName
		if t.ConfigurationName != "" {
			what = "Configuration " + t.ConfigurationName
		}
		if !targets[what] {
			add(o, "traffic[%d] names %s, which nothing has made by then", i, what)
		}
		if t.Tag == "" {
			add(o, "traffic[%d] to %s has no tag, so it has no URL of its own", i, what)
		}
	}
}

func checkTemplate(o object, t *servingv1.RevisionTemplateSpec, srv server, add report) {
	if o.service != nil && t.Name == "" {
		add(o, "the template has no name, so traffic cannot name its revision")
	}
	if len(t.Spec.Containers) != 1 {
		add(o, "%d containers, want 1", len(t.Spec.Containers))
		return
	}
	c := t.Spec.Containers[0]
	if c.Image != koImage {
		add(o, "image %s is not %s, so ko does not build it", c.Image, koImage)
	}
	checkProbes(o, c, add)
	checkSecurity(o, c.SecurityContext, add)
	checkResources(o, c.Resources, add)
	checkEnv(o, t.Spec, srv, add)
}

func checkProbes(o object, c corev1.Container, add report) {
	ready, live := c.ReadinessProbe, c.LivenessProbe
	switch {
	case ready == nil || ready.HTTPGet == nil:
		add(o, "no HTTP readiness probe: Knative would take an open port for a loaded model")
	case ready.PeriodSeconds != 0:
		add(o, "readinessProbe.periodSeconds %d turns off queue-proxy's 50 ms probing", ready.PeriodSeconds)
	}
	switch {
	case live == nil || live.HTTPGet == nil:
		add(o, "no HTTP liveness probe: a hung process would stay")
	case ready != nil && ready.HTTPGet != nil && ready.HTTPGet.Path == live.HTTPGet.Path:
		add(o, "liveness asks %s, the readiness endpoint: a drain would be a restart", live.HTTPGet.Path)
	case live.TimeoutSeconds < 2 || live.FailureThreshold < 2:
		add(o, "liveness with timeoutSeconds %d, failureThreshold %d: one slow answer kills the pod",
			live.TimeoutSeconds, live.FailureThreshold)
	}
}

// checkSecurity asks for the restricted pod security profile and a read-only
// root file system.
func checkSecurity(o object, s *corev1.SecurityContext, add report) {
	isTrue := func(b *bool) bool { return b != nil && *b }
	if s == nil {
		s = &corev1.SecurityContext{}
	}
	if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
		add(o, "securityContext.allowPrivilegeEscalation is not false")
	}
	if !isTrue(s.RunAsNonRoot) {
		add(o, "securityContext.runAsNonRoot is not true")
	}
	if !isTrue(s.ReadOnlyRootFilesystem) {
		add(o, "securityContext.readOnlyRootFilesystem is not true")
	}
	if s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) != 0 {
		add(o, "securityContext.capabilities is not drop [ALL]")
	}
	if s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		add(o, "securityContext.seccompProfile is not RuntimeDefault")
	}
}

func checkResources(o object, r corev1.ResourceRequirements, add report) {
	if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().IsZero() {
		add(o, "resources lack a CPU request, a memory request or a memory limit")
	}
	if r.Requests.Memory().Cmp(*r.Limits.Memory()) > 0 {
		add(o, "memory request %s is above the limit %s", r.Requests.Memory(), r.Limits.Memory())
	}
	if !r.Limits.Cpu().IsZero() {
		add(o, "CPU limit %s would throttle the start", r.Limits.Cpu())
	}
}
