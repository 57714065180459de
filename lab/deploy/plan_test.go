package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "knative.dev/serving/pkg/apis/serving/v1"
)

const (
	digestA = "registry.test/f@sha256:aaaaaaaa11111111111111111111111111111111111111111111111111111111"
	digestB = "registry.test/f@sha256:bbbbbbbb22222222222222222222222222222222222222222222222222222222"
)

func template(name, image, version string) v1.RevisionTemplateSpec {
	return v1.RevisionTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"autoscaling.knative.dev/target": "20"}},
		Spec: v1.RevisionSpec{PodSpec: corev1.PodSpec{Containers: []corev1.Container{{
			Image: image, Env: []corev1.EnvVar{{Name: "MODEL_VERSION", Value: version}}}}}},
	}
}

// revisionOf is a revision as Knative makes it from a template.
func revisionOf(t v1.RevisionTemplateSpec, name string) *v1.Revision {
	return &v1.Revision{
		ObjectMeta: metav1.ObjectMeta{Name: name,
			Annotations: map[string]string{"autoscaling.knative.dev/target": "20", "serving.knative.dev/creator": "admin"},
			Labels:      map[string]string{"serving.knative.dev/service": "s"}},
		Spec: *t.Spec.DeepCopy(),
	}
}

func TestSame(t *testing.T) {
	base := template("s-v1", digestA, "1")
	annotated := template("s-v1", digestA, "1")
	annotated.Annotations["autoscaling.knative.dev/target"] = "30"
	for name, c := range map[string]struct {
		template v1.RevisionTemplateSpec
		want     bool
	}{
		"itself":        {base, true},
		"another image": {template("s-v1", digestB, "1"), false},
		"another model": {template("s-v1", digestA, "2"), false},
		"annotation":    {annotated, false},
	} {
		if got := same(c.template, revisionOf(base, "s-v1")); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestNameRevision(t *testing.T) {
	a, b := template("s-v1", digestA, "1"), template("s-v1", digestB, "1")
	other := template("s-v1", digestB, "other")
	for name, c := range map[string]struct {
		template  v1.RevisionTemplateSpec
		revisions map[string]*v1.Revision
		want      string
	}{
		"empty namespace":             {a, nil, "s-v1"},
		"the file's name, same":       {a, map[string]*v1.Revision{"s-v1": revisionOf(a, "s-v1")}, "s-v1"},
		"new digest":                  {b, map[string]*v1.Revision{"s-v1": revisionOf(a, "s-v1")}, "s-v1-bbbbbbbb"},
		"back to the first":           {a, map[string]*v1.Revision{"s-v1": revisionOf(a, "s-v1"), "s-v1-bbbbbbbb": revisionOf(b, "s-v1-bbbbbbbb")}, "s-v1"},
		"that digest again":           {b, map[string]*v1.Revision{"s-v1": revisionOf(a, "s-v1"), "s-v1-bbbbbbbb": revisionOf(b, "s-v1-bbbbbbbb")}, "s-v1-bbbbbbbb"},
		"same digest, other settings": {other, map[string]*v1.Revision{"s-v1": revisionOf(a, "s-v1"), "s-v1-bbbbbbbb": revisionOf(b, "s-v1-bbbbbbbb")}, "s-v1-bbbbbbbb-"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := nameRevision(c.template, c.revisions)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(c.want, "-") {
				if !strings.HasPrefix(got, c.want) || len(got) != len(c.want)+6 {
					t.Errorf("got %s, want %s and 6 digits", got, c.want)
				}
			} else if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if len(got) > 63 {
				t.Errorf("%s has %d characters, a label takes 63", got, len(got))
			}
		})
	}
}

func TestNameRevisionRefusesImagesWithoutDigest(t *testing.T) {
	for _, image := range []string{"ko://online-inference/function", "registry.test/f:latest"} {
		if got, err := nameRevision(template("s-v1", image, "1"), nil); err == nil {
			t.Errorf("%s: got %s, want an error", image, got)
		}
	}
	if _, err := nameRevision(v1.RevisionTemplateSpec{}, nil); err == nil {
		t.Error("an empty template got a name")
	}
}

func service(targets ...v1.TrafficTarget) *v1.Service {
	s := &v1.Service{}
	s.Spec.Traffic = targets
	return s
}

func tt(tag, revision string, percent int64) v1.TrafficTarget {
	return v1.TrafficTarget{Tag: tag, RevisionName: revision, Percent: &percent}
}

func TestCurrentShares(t *testing.T) {
	for name, c := range map[string]struct {
		service *v1.Service
		want    shares
		ok      bool
	}{
		"90/10":            {service(tt("v1", "a", 90), tt("v2", "b", 10)), shares{90, 10}, true},
		"promoted":         {service(tt("v1", "a", 0), tt("v2", "b", 100)), shares{0, 100}, true},
		"percent left out": {service(v1.TrafficTarget{Tag: "v1", RevisionName: "a"}, tt("v2", "b", 100)), shares{0, 100}, true},
		"only v1":          {service(tt("v1", "a", 100)), shares{100, 0}, false},
		"a third tag":      {service(tt("v1", "a", 50), tt("v2", "b", 40), tt("v3", "c", 10)), shares{}, false},
		"no traffic":       {service(), shares{}, false},
		"not 100":          {service(tt("v1", "a", 50), tt("v2", "b", 40)), shares{50, 40}, false},
	} {
		got, ok := currentShares(c.service)
		if ok != c.ok || got != c.want {
			t.Errorf("%s: got %v %v, want %v %v", name, got, ok, c.want, c.ok)
		}
	}
}

func TestSplitAndSlots(t *testing.T) {
	s := service(split("a", "b", shares{70, 30})...)
	if got, ok := currentShares(s); !ok || got != (shares{70, 30}) {
		t.Errorf("got %v, %v", got, ok)
	}
	if a, b, none := slotRevision(s, Slot1), slotRevision(s, Slot2), slotRevision(s, "v3"); a != "a" || b != "b" || none != "" {
		t.Errorf("got %q, %q, %q", a, b, none)
	}
	patch, err := trafficPatch(split("a", "b", shares{0, 100}))
	if err != nil {
		t.Fatal(err)
	}
	// Percent 0 is written: left out it would mean nothing to a reader.
	want := `{"spec":{"traffic":[{"tag":"v1","revisionName":"a","percent":0},{"tag":"v2","revisionName":"b","percent":100}]}}`
	if diff := cmp.Diff(want, string(patch)); diff != "" {
		t.Error(diff)
	}
}

func TestServed(t *testing.T) {
	want := []v1.TrafficTarget{tt("v1", "a", 90), tt("v2", "b", 10)}
	for name, c := range map[string]struct {
		got []v1.TrafficTarget
		ok  bool
	}{
		"as wanted":        {want, true},
		"old shares":       {[]v1.TrafficTarget{tt("v1", "a", 100), tt("v2", "b", 0)}, false},
		"old revision":     {[]v1.TrafficTarget{tt("v1", "z", 90), tt("v2", "b", 10)}, false},
		"one target":       {want[:1], false},
		"tags exchanged":   {[]v1.TrafficTarget{tt("v2", "a", 90), tt("v1", "b", 10)}, false},
		"nothing reported": {nil, false},
	} {
		if err := served(want, c.got); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMergeKeepsTrafficAndForeignLabels(t *testing.T) {
	now := service(tt("v1", "a", 90), tt("v2", "b", 10))
	now.Labels = map[string]string{"team": "x", "part": "old"}
	now.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "1"}
	desired := service()
	desired.Labels = map[string]string{"part": "new"}
	got := merge(now, desired, template("s-v3", digestA, "1"))
	if diff := cmp.Diff(now.Spec.Traffic, got.Spec.Traffic); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "x", "part": "new"}, got.Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"keep": "1"}, got.Annotations); diff != "" {
		t.Error(diff)
	}
	if got.Spec.Template.Name != "s-v3" || now.Spec.Template.Name != "" {
		t.Errorf("template %q, and %q in the original", got.Spec.Template.Name, now.Spec.Template.Name)
	}
}
