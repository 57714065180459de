// Package monitoring holds what scrapes and shows the metrics of a Service; its
// tests hold both files against what Prometheus, Grafana and the manifests need.
package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// podMonitor are the fields of monitoring.coreos.com/v1 that we use.
type podMonitor struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec struct {
		Selector struct {
			MatchExpressions []struct {
				Key, Operator string
				Values        []string
			} `yaml:"matchExpressions"`
		} `yaml:"selector"`
		Endpoints []struct {
			Port, Path, Interval string
			ScrapeTimeout        string `yaml:"scrapeTimeout"`
			Relabelings          []struct {
				Action, Regex, Replacement string
				SourceLabels               []string `yaml:"sourceLabels"`
				TargetLabel                string   `yaml:"targetLabel"`
			}
		} `yaml:"podMetricsEndpoints"`
	} `yaml:"spec"`
}

// relabel does what Prometheus does with the labels of a target.
func (m *podMonitor) relabel(t *testing.T, labels map[string]string) {
	t.Helper()
	for _, r := range m.Spec.Endpoints[0].Relabelings {
		if r.Action != "replace" || len(r.SourceLabels) != 1 {
			t.Fatalf("unexpected %+v", r)
		}
		form, replacement := r.Regex, r.Replacement
		if form == "" {
			form, replacement = "(.*)", "$1"
		}
		value := labels[r.SourceLabels[0]]
		re := regexp.MustCompile("^(?:" + form + ")$")
		if at := re.FindStringSubmatchIndex(value); at != nil {
			labels[r.TargetLabel] = string(re.ExpandString(nil, strings.ReplaceAll(replacement, "$1", "${1}"), value, at))
		}
	}
}

// metaLabel is the label that Prometheus makes of a pod's.
func metaLabel(key string) string {
	return "__meta_kubernetes_pod_label_" + regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(key, "_")
}

// TestPodMonitor: it finds the pods of the Service in knative/, one target each, and
// asks them on the port that the manifests give to metrics.
func TestPodMonitor(t *testing.T) {
	text, err := os.ReadFile("podmonitor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m podMonitor
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m.APIVersion != "monitoring.coreos.com/v1" || m.Kind != "PodMonitor" || m.Metadata.Name == "" || len(m.Spec.Endpoints) != 1 {
		t.Fatalf("it is %+v", m)
	}
	end := m.Spec.Endpoints[0]
	if end.Port != servingv1.UserPortName || end.Path != "/metrics" || end.Interval == "" {
		t.Errorf("the endpoint is %+v", end)
	}
	manifest, err := os.ReadFile("../10-service-v1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var service struct {
		Metadata struct{ Name string }
		Spec     struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Env []struct{ Name, Value string }
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(manifest, &service); err != nil {
		t.Fatal(err)
	}
	e := m.Spec.Selector.MatchExpressions
	if len(e) != 1 || e[0].Key != serving.ServiceLabelKey || e[0].Operator != "In" || len(e[0].Values) != 1 || e[0].Values[0] != service.Metadata.Name {
		t.Errorf("it selects %+v, the Service is called %q", e, service.Metadata.Name)
	}
	port := ""
	for _, v := range service.Spec.Template.Spec.Containers[0].Env {
		if v.Name == "METRICS_PORT" {
			port = v.Value
		}
	}
	for address, host := range map[string]string{"10.244.0.7:8080": "10.244.0.7", "[fd00::7]:8080": "[fd00::7]"} {
		labels := map[string]string{
			"__address__":                          address,
			metaLabel(serving.ServiceLabelKey):     "online-inference",
			metaLabel(serving.RevisionLabelKey):    "online-inference-v2",
			"__meta_kubernetes_pod_container_name": "user-container",
		}
		m.relabel(t, labels)
		if want := host + ":" + port; port == "" || labels["__address__"] != want {
			t.Errorf("it asks %s, expected %s", labels["__address__"], want)
		}
		if labels["service"] != "online-inference" || labels["revision"] != "online-inference-v2" {
			t.Errorf("the labels are %v", labels)
		}
	}
}

// dashboard is what we use of Grafana's model of dashboards.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Time          struct{ From, To string }
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               *struct{ Type, UID string }
		GridPos                  struct{ H, W, X, Y int }
		FieldConfig              *struct{ Defaults struct{ Unit string } }
		Options                  map[string]any
		Targets                  []struct {
			RefID, Expr string
			Datasource  struct{ Type, UID string }
		}
	}
}

// TestDashboard: it has what Grafana needs to show it, and every question of a
// reader has its panel.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 || d.Time.From == "" || d.Time.To == "" {
		t.Errorf("it is %q, %q, version %d, from %q to %q", d.UID, d.Title, d.SchemaVersion, d.Time.From, d.Time.To)
	}
	known := map[string]bool{"__rate_interval": true, "__range": true}
	for _, v := range d.Templating.List {
		known[v.Name] = true
	}
	taken, ids := map[string]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d %q: its number is taken, or it has no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.H < 1 || g.W < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q stands at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				key := fmt.Sprint(x, ",", y)
				if other, ok := taken[key]; ok {
					t.Fatalf("panels %q and %q overlap", other, p.Title)
				}
				taken[key] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource == nil || p.Datasource.UID != "${datasource}" || p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == "" ||
			p.Options == nil || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q is not complete", p.Title)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.RefID == "" || refs[target.RefID] || target.Expr == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: target %+v", p.Title, target)
			}
			refs[target.RefID] = true
			if !strings.Contains(target.Expr, `namespace=~"$namespace", service=~"$service"`) {
				t.Errorf("panel %q does not keep to the chosen Service: %s", p.Title, target.Expr)
			}
			for _, m := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if !known[m[1]] {
					t.Errorf("panel %q: no variable %s", p.Title, m[1])
				}
			}
		}
	}
	for _, part := range []string{
		`sum by (revision, code) (rate(oi_http_requests_total{`, `code=~\"5..\"`, `histogram_quantile(0.99, sum by (revision, le)`,
		`rate(oi_rows_scored_total{`, `oi_start_stage_seconds{`, `ln(clamp_min(`, `/ clamp_min(max by (model, version, feature, bin) (max_over_time(oi_feature_training_share{`,
	} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("no panel has %s", part)
		}
	}
}
