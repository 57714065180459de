// Package deploy brings a Knative Service to what the project's two manifests
// say, and shifts its traffic: by named revisions, with the typed client.
package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"

	"k8s.io/apimachinery/pkg/api/equality"
	"knative.dev/serving/pkg/apis/serving"
	v1 "knative.dev/serving/pkg/apis/serving/v1"
)

// Slots are the two roles that a revision can have; they are also its tags.
const (
	Slot1 = "v1"
	Slot2 = "v2"
)

// imageDigest finds the first 8 digits of an image reference's digest.
var imageDigest = regexp.MustCompile(`@sha256:([0-9a-f]{8})`)

// same says whether a revision runs exactly the template, both with the
// cluster's defaults: same spec, and the template's annotations and labels all there.
func same(template v1.RevisionTemplateSpec, revision *v1.Revision) bool {
	return equality.Semantic.DeepEqual(template.Spec, revision.Spec) &&
		contains(revision.Annotations, template.Annotations) && contains(revision.Labels, template.Labels)
}

func contains(all, some map[string]string) bool {
	for k, v := range some {
		if got, ok := all[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// nameRevision finds the name under which the template can run. A name is
// usable when no revision has it, or the revision that has it is the same. The
// file's own name comes first, then one with the image's digest, then one with
// a digest of the whole template, for when a setting and not the image changed.
func nameRevision(template v1.RevisionTemplateSpec, revisions map[string]*v1.Revision) (string, error) {
	base := template.Name
	if base == "" || len(template.Spec.Containers) == 0 {
		return "", fmt.Errorf("the manifest's template has no name or no container")
	}
	m := imageDigest.FindStringSubmatch(template.Spec.Containers[0].Image)
	if m == nil {
		return "", fmt.Errorf("the image %s of %s carries no digest", template.Spec.Containers[0].Image, base)
	}
	data, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("cannot encode the template of %s: %w", base, err)
	}
	sum := sha256.Sum256(data)
	for _, name := range []string{base, base + "-" + m[1], base + "-" + m[1] + "-" + hex.EncodeToString(sum[:3])} {
		revision, taken := revisions[name]
		if !taken || same(template, revision) {
			return name, nil
		}
	}
	return "", fmt.Errorf("every name for %s with the digest %s is taken by another content", base, m[1])
}

// shares are the traffic percentages of the slots.
type shares struct{ v1, v2 int64 }

// currentShares reads the slots' percentages off a Service's traffic; ok is
// false when it is not a split between the two slots.
func currentShares(service *v1.Service) (s shares, ok bool) {
	seen := map[string]bool{}
	for _, t := range service.Spec.Traffic {
		switch t.Tag {
		case Slot1:
			s.v1 += percentOf(t)
		case Slot2:
			s.v2 += percentOf(t)
		default:
			return shares{}, false
		}
		seen[t.Tag] = true
	}
	return s, seen[Slot1] && seen[Slot2] && s.v1+s.v2 == 100
}

// slotRevision is the name of the revision that has the slot's tag, or "".
func slotRevision(service *v1.Service, slot string) string {
	for _, t := range service.Spec.Traffic {
		if t.Tag == slot {
			return t.RevisionName
		}
	}
	return ""
}

// split is the traffic block of two named revisions.
func split(name1, name2 string, s shares) []v1.TrafficTarget {
	return []v1.TrafficTarget{
		{Tag: Slot1, RevisionName: name1, Percent: &s.v1},
		{Tag: Slot2, RevisionName: name2, Percent: &s.v2},
	}
}

// merge takes the desired template, labels and annotations into an existing Service.
func merge(service, desired *v1.Service, template v1.RevisionTemplateSpec) *v1.Service {
	service = service.DeepCopy()
	service.Spec.Template = *template.DeepCopy()
	if service.Labels == nil {
		service.Labels = map[string]string{}
	}
	maps.Copy(service.Labels, desired.Labels)
	if service.Annotations == nil {
		service.Annotations = map[string]string{}
	}
	maps.Copy(service.Annotations, desired.Annotations)
	// What kubectl last applied is not what is there any more.
	delete(service.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
	return service
}

// belongs says whether a revision is the service's own.
func belongs(revision *v1.Revision, service string) bool {
	return revision.Labels[serving.ServiceLabelKey] == service
}
