// Package kubeconform holds every manifest of the project against the schemas of
// the very versions that the lab runs. They are made of what the pinned modules
// carry: Kubernetes' OpenAPI description and Knative's CRDs, with every field that
// they do not name refused. Nothing is fetched but modules.
package kubeconform

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// A kind is what a manifest calls itself.
type kind struct{ apiVersion, name string }

// group and version of the API.
func (k kind) split() (group, version string) {
	group, version, found := strings.Cut(k.apiVersion, "/")
	if !found {
		return "", group
	}
	return group, version
}

// file is the name under which kubeconform looks for the schema.
func (k kind) file() string {
	group, version := k.split()
	parts := []string{strings.ToLower(k.name)}
	if group != "" {
		first, _, _ := strings.Cut(group, ".")
		parts = append(parts, first)
	}
	return strings.Join(append(parts, version), "-") + ".json"
}

// location is the template of file, for kubeconform.
func location(folder string) string {
	return filepath.Join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json")
}

// sources are the folders of the modules that schemas are made of.
type sources struct{ kubernetes, knative string }

// findSources asks Go for the modules that two components beside this one pin.
func findSources(ctx context.Context) (s sources, err error) {
	if s.kubernetes, err = moduleFolder(ctx, "../kubernetes", "k8s.io/kubernetes"); err != nil {
		return s, err
	}
	s.knative, err = moduleFolder(ctx, "../knative", "knative.dev/serving")
	return s, err
}

func moduleFolder(ctx context.Context, component, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir, cmd.Stderr = component, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot get the module %s: %w", module, err)
	}
	var got struct{ Dir string }
	if err := json.Unmarshal(out, &got); err != nil || got.Dir == "" {
		return "", fmt.Errorf("go says %q of the module %s: %w", out, module, err)
	}
	return got.Dir, nil
}

// write makes the schema of a kind.
func (s sources) write(folder string, k kind) error {
	schema, err := s.schema(k)
	if err != nil {
		return fmt.Errorf("cannot make the schema of %s %s: %w", k.apiVersion, k.name, err)
	}
	seal(schema)
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, k.file()), text, 0o600)
}

func (s sources) schema(k kind) (map[string]any, error) {
	group, _ := k.split()
	if strings.HasSuffix(group, "knative.dev") {
		return s.knativeSchema(k)
	}
	return s.kubernetesSchema(k)
}

// kubernetesSchema is one kind of the description of its API group, with the
// others that it refers to.
func (s sources) kubernetesSchema(k kind) (map[string]any, error) {
	group, version := k.split()
	name := "api__v1_openapi.json"
	if group != "" {
		name = "apis__" + group + "__" + version + "_openapi.json"
	}
	text, err := os.ReadFile(filepath.Join(s.kubernetes, "api/openapi-spec/v3", name))
	if err != nil {
		return nil, err
	}
	var description struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(text, &description); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(description.Components.Schemas)) {
		component, ok := description.Components.Schemas[id].(map[string]any)
		if !ok || !describes(component, group, version, k.name) {
			continue
		}
		return map[string]any{
			"$ref":       "#/components/schemas/" + id,
			"components": map[string]any{"schemas": description.Components.Schemas},
		}, nil
	}
	return nil, fmt.Errorf("%s has no such kind", name)
}

func describes(component map[string]any, group, version, name string) bool {
	list, ok := component["x-kubernetes-group-version-kind"].([]any)
	if !ok {
		return false
	}
	for _, entry := range list {
		gvk, ok := entry.(map[string]any)
		if ok && gvk["group"] == group && gvk["version"] == version && gvk["kind"] == name {
			return true
		}
	}
	return false
}

// knativeSchema is the schema within a CRD, which leaves out what all objects have.
func (s sources) knativeSchema(k kind) (map[string]any, error) {
	group, version := k.split()
	paths, err := filepath.Glob(filepath.Join(s.knative, "config/core/300-resources/*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema map[string]any }
				}
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		if crd.Spec.Group != group || crd.Spec.Names.Kind != k.name {
			continue
		}
		for _, v := range crd.Spec.Versions {
			properties, ok := v.Schema.OpenAPIV3Schema["properties"].(map[string]any)
			if v.Name != version || !ok {
				continue
			}
			for _, name := range []string{"apiVersion", "kind"} {
				properties[name] = map[string]any{"type": "string"}
			}
			if _, there := properties["metadata"]; !there {
				properties["metadata"] = map[string]any{"type": "object"}
			}
			return v.Schema.OpenAPIV3Schema, nil
		}
	}
	return nil, fmt.Errorf("no CRD in %d files has this kind", len(paths))
}

// seal refuses, at every level of a schema, the fields that it does not name, but
// where it says that it takes any.
func seal(node any) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			seal(child)
		}
	case map[string]any:
		_, named := n["properties"].(map[string]any)
		_, others := n["additionalProperties"]
		if named && !others && n["x-kubernetes-preserve-unknown-fields"] != true {
			n["additionalProperties"] = false
		}
		for _, child := range n {
			seal(child)
		}
	}
}
