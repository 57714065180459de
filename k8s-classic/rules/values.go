package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// eachQuantity visits the values of requests and limits anywhere in a tree, in
// the order of their names, and drops those that visit does not keep.
func eachQuantity(tree any, visit func(field, name string, value any) (keep bool)) {
	switch node := tree.(type) {
	case []any:
		for _, child := range node {
			eachQuantity(child, visit)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			list, ok := node[key].(map[string]any)
			if !ok || key != "requests" && key != "limits" {
				eachQuantity(node[key], visit)
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(list)) {
				if !visit(key, name, list[name]) {
					delete(list, name)
				}
			}
		}
	}
}

// mendQuantities drops what is no quantity.
func mendQuantities(tree map[string]any) {
	eachQuantity(tree, func(_, _ string, value any) bool {
		_, err := resource.ParseQuantity(fmt.Sprint(value))
		return err == nil
	})
}

// checkQuantities finds quantities that the API refuses ("128 Mi"), memory in
// thousandths of a byte ("128m"), CPUs by the hundred (1000 for 1000m), and
// requests above their limits.
func checkQuantities(s *set, add report) {
	for _, o := range s.objects {
		eachQuantity(o.raw, func(field, name string, value any) bool {
			written := fmt.Sprint(value)
			q, err := resource.ParseQuantity(written)
			switch {
			case err != nil:
				add(o, "%s.%s %q is no quantity: the API refuses it", field, name, written)
			case name == "memory" && strings.HasSuffix(written, "m"):
				add(o, "%s.memory %s are thousandths of a byte, %d bytes together", field, written, q.Value())
			case name == "cpu" && q.Value() > 100:
				add(o, "%s.cpu %s are %d whole CPUs; thousandths end in m", field, written, q.Value())
			}
			return true
		})
		if o.pod == nil {
			continue
		}
		for _, c := range o.pod.spec.Containers {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
				if !limit.IsZero() && request.Cmp(limit) > 0 {
					add(o, "requests.%s %s is above the limit %s", name, request.String(), limit.String())
				}
			}
		}
	}
}

// mendStrings turns the values of a ConfigMap into texts.
func mendStrings(tree map[string]any) {
	data, ok := tree["data"].(map[string]any)
	if !ok {
		return
	}
	for key, value := range data {
		data[key] = fmt.Sprint(value)
	}
}

// checkStrings finds values of ConfigMaps that YAML reads as something else than
// text: 8080, true, and nothing at all.
func checkStrings(s *set, add report) {
	for _, o := range s.objects {
		data, ok := o.raw["data"].(map[string]any)
		if !ok || o.kind != "ConfigMap" {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			if _, text := data[key].(string); !text {
				add(o, "data.%s is %v and no text: put it in quotes", key, data[key])
			}
		}
	}
}

// checkUnused finds ConfigMaps that no pod of the set reads.
func checkUnused(s *set, add report) {
	used := map[string]bool{}
	for _, o := range s.objects {
		if o.pod == nil {
			continue
		}
		for _, c := range slices.Concat(o.pod.spec.InitContainers, o.pod.spec.Containers) {
			for _, from := range c.EnvFrom {
				if from.ConfigMapRef != nil {
					used[from.ConfigMapRef.Name] = true
				}
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
					used[e.ValueFrom.ConfigMapKeyRef.Name] = true
				}
			}
		}
		for _, name := range mounted(o.pod.spec) {
			used[name] = true
		}
	}
	for _, o := range s.objects {
		if o.kind == "ConfigMap" && !used[o.name] {
			add(o, "no pod reads it")
		}
	}
}

// mounted are the ConfigMaps that containers of a pod mount, not only name among
// the volumes.
func mounted(spec *corev1.PodSpec) []string {
	mounts := map[string]bool{}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, m := range c.VolumeMounts {
			mounts[m.Name] = true
		}
	}
	var names []string
	for _, v := range spec.Volumes {
		if !mounts[v.Name] {
			continue
		}
		if v.ConfigMap != nil {
			names = append(names, v.ConfigMap.Name)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				names = append(names, source.ConfigMap.Name)
			}
		}
	}
	return names
}

// checkTags finds images that are another one tomorrow: no tag, or latest. What
// ko builds has a digest once it is applied.
func checkTags(s *set, add report) {
	for _, o := range s.objects {
		if o.pod == nil {
			continue
		}
		for _, c := range slices.Concat(o.pod.spec.InitContainers, o.pod.spec.Containers) {
			if strings.HasPrefix(c.Image, "ko://") || strings.Contains(c.Image, "@sha256:") {
				continue
			}
			_, tag, found := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
			if !found || tag == "latest" {
				add(o, "image %s is whatever was pushed last", c.Image)
			}
		}
	}
}
