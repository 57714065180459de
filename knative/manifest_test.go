package knative

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/yaml"
)

// The folders that are applied, each by itself and as a whole.
var folders = []string{".", "gitops", "cluster-local", "h2c"}

func mustReadServer(t *testing.T) server {
	t.Helper()
	srv, err := readServer("..")
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func mustRead(t *testing.T, dir string) []document {
	t.Helper()
	docs, err := readFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func mustDecode(t *testing.T, dir string) []object {
	t.Helper()
	objects, err := decode(mustRead(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestManifestsAreValid(t *testing.T) {
	srv := mustReadServer(t)
	for _, dir := range folders {
		t.Run(dir, func(t *testing.T) {
			for _, p := range problems(mustRead(t, dir), srv) {
				t.Error(p)
			}
		})
	}
}

// TestBrokenManifests edits the good manifests in one place and wants the one
// message that belongs to it, so no rule above can pass everything.
func TestBrokenManifests(t *testing.T) {
	srv := mustReadServer(t)
	text, err := os.ReadFile("testdata/broken.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Name, File, Replace, With, Want, Also string }
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			docs := mustRead(t, filepath.Dir(c.File))
			edited := false
			for i := range docs {
				if docs[i].name != filepath.Base(c.File) {
					continue
				}
				if n := strings.Count(string(docs[i].text), c.Replace); n != 1 {
					t.Fatalf("%q occurs %d times in %s, want once", c.Replace, n, c.File)
				}
				docs[i].text = []byte(strings.Replace(string(docs[i].text), c.Replace, c.With, 1))
				edited = true
			}
			if !edited {
				t.Fatalf("no file %s", c.File)
			}
			wants := []string{c.Want}
			if c.Also != "" {
				wants = append(wants, c.Also)
			}
			got := problems(docs, srv)
			for _, want := range wants {
				if !contains(got, want) {
					t.Errorf("no message holds %q in:\n%s", want, strings.Join(got, "\n"))
				}
			}
			for _, p := range got {
				if !strings.Contains(p, c.Want) && (c.Also == "" || !strings.Contains(p, c.Also)) {
					t.Errorf("unexpected: %s", p)
				}
			}
		})
	}
}

// TestMetricsStayPrivate: a manifest that leaves METRICS_PORT at the public port,
// said or unsaid, must be found.
func TestMetricsStayPrivate(t *testing.T) {
	srv := mustReadServer(t)
	const own = "            - name: METRICS_PORT\n              value: \"9464\"\n"
	for line, want := range map[string]bool{
		"": true,
		"            - {name: METRICS_PORT, value: \"8080\"}\n": true,
		"            - {name: METRICS_PORT, value: \"9464\"}\n": false,
	} {
		docs, replaced := mustRead(t, "."), 0
		for i := range docs {
			replaced += bytes.Count(docs[i].text, []byte(own))
			docs[i].text = bytes.Replace(docs[i].text, []byte(own), []byte(line), 1)
		}
		if replaced != 2 {
			t.Errorf("%d manifests give metrics their own port, expected 2", replaced)
		}
		if got := contains(problems(docs, srv), "would put /metrics on the public port"); got != want {
			t.Errorf("%q: complaint %v, want %v", line, got, want)
		}
	}
}

func contains(messages []string, part string) bool {
	for _, m := range messages {
		if strings.Contains(m, part) {
			return true
		}
	}
	return false
}

// TestSplit states the names, tags and shares that README.md, the make targets
// and the cluster tests rely on.
func TestSplit(t *testing.T) {
	type share struct {
		Tag, Target string
		Percent     int64
	}
	shares := func(traffic []servingv1.TrafficTarget) []share {
		var out []share
		for _, tt := range traffic {
			if tt.Percent == nil {
				t.Fatalf("target %+v has no percent", tt)
			}
			out = append(out, share{tt.Tag, tt.RevisionName + tt.ConfigurationName, *tt.Percent})
		}
		return out
	}
	objects := mustDecode(t, ".")
	want := [][]share{
		{{"v1", "online-inference-v1", 100}},
		{{"v1", "online-inference-v1", 90}, {"v2", "online-inference-v2", 10}},
	}
	if len(objects) != len(want) {
		t.Fatalf("%d objects, want %d", len(objects), len(want))
	}
	for i, o := range objects {
		if o.service.Name != "online-inference" {
			t.Errorf("%s: Service %s, want online-inference", o.file, o.service.Name)
		}
		if diff := cmp.Diff(want[i], shares(o.service.Spec.Traffic)); diff != "" {
			t.Errorf("%s: traffic (-want +got):\n%s", o.file, diff)
		}
	}
	for _, o := range mustDecode(t, "gitops") {
		if o.route == nil {
			continue
		}
		want := []share{{"v1", "online-inference-gitops-v1", 90}, {"v2", "online-inference-gitops-v2", 10}}
		if diff := cmp.Diff(want, shares(o.route.Spec.Traffic)); diff != "" {
			t.Errorf("%s: traffic (-want +got):\n%s", o.file, diff)
		}
	}
}

// TestOnlyTheModelDiffers: v1 and v2 are one image and one set of settings, in
// both forms; what a comparison shows is then the model's doing.
func TestOnlyTheModelDiffers(t *testing.T) {
	var specs []servingv1.RevisionTemplateSpec
	var versions []string
	for _, dir := range []string{".", "gitops"} {
		for _, o := range mustDecode(t, dir) {
			tpl := o.template()
			if tpl == nil {
				continue
			}
			tpl.Name = ""
			for i, e := range tpl.Spec.Containers[0].Env {
				if e.Name == "MODEL_VERSION" {
					versions = append(versions, e.Value)
					tpl.Spec.Containers[0].Env[i].Value = ""
				}
			}
			specs = append(specs, *tpl)
		}
	}
	if diff := cmp.Diff([]string{"1", "2", "1", "2"}, versions); diff != "" {
		t.Fatalf("model versions (-want +got):\n%s", diff)
	}
	for _, s := range specs[1:] {
		if diff := cmp.Diff(specs[0], s); diff != "" {
			t.Errorf("templates differ:\n%s", diff)
		}
	}
}

// TestClusterLocalIsTheSameButForOneLabel keeps the copies in cluster-local/
// equal to the files beside this one.
func TestClusterLocalIsTheSameButForOneLabel(t *testing.T) {
	const label = "networking.knative.dev/visibility"
	public, local := mustDecode(t, "."), mustDecode(t, "cluster-local")
	for _, o := range public {
		if v, ok := o.service.Labels[label]; ok {
			t.Errorf("%s: label %s=%s in the public form", o.file, label, v)
		}
	}
	for _, o := range local {
		if v := o.service.Labels[label]; v != "cluster-local" {
			t.Errorf("cluster-local/%s: label %s=%q, want cluster-local", o.file, label, v)
		}
		delete(o.service.Labels, label)
	}
	if diff := cmp.Diff(public, local, cmp.AllowUnexported(object{})); diff != "" {
		t.Errorf("the copies differ (-public +local):\n%s", diff)
	}
}

// TestH2CIsTheSameButForThePortsName keeps the copies in h2c/ equal to the files
// beside this one: REST and gRPC are one image and one set of settings.
func TestH2CIsTheSameButForThePortsName(t *testing.T) {
	plain, h2c := mustDecode(t, "."), mustDecode(t, "h2c")
	name := func(o object) *string { return &o.service.Spec.Template.Spec.Containers[0].Ports[0].Name }
	for _, o := range plain {
		if got := *name(o); got != "" {
			t.Errorf("%s: the port is called %q", o.file, got)
		}
		// HTTP/2 has it by itself, and Knative's proxy fails when it is asked for it there.
		const duplex = "features.knative.dev/http-full-duplex"
		if got := o.service.Spec.Template.Annotations[duplex]; got != "Enabled" {
			t.Errorf("%s: %s is %q, and large bodies lose their answers", o.file, duplex, got)
		}
		delete(o.service.Spec.Template.Annotations, duplex)
	}
	for _, o := range h2c {
		if got := *name(o); got != "h2c" {
			t.Errorf("h2c/%s: the port is called %q, which gRPC does not pass", o.file, got)
		}
		*name(o) = ""
	}
	if diff := cmp.Diff(plain, h2c, cmp.AllowUnexported(object{})); diff != "" {
		t.Errorf("the copies differ (-plain +h2c):\n%s", diff)
	}
}

// TestUpdateRules asks Knative's own update check the questions that the fixed
// revision names raise: may each file follow the other, may one follow itself,
// and what happens when the image changes under the same name.
func TestUpdateRules(t *testing.T) {
	objects := mustDecode(t, ".")
	live := func(o object) *servingv1.Service { // as the API server keeps it
		s := o.service.DeepCopy()
		s.SetDefaults(apis.WithinCreate(context.Background()))
		return s
	}
	// kubectl sends a merge patch: what the file does not name stays as it is,
	// but a list is replaced as a whole, with the defaults inside it.
	apply := func(old *servingv1.Service, file object, image string) *apis.FieldError {
		s := old.DeepCopy()
		s.Spec.Template.ObjectMeta = *file.service.Spec.Template.ObjectMeta.DeepCopy()
		s.Spec.Template.Spec.Containers = file.service.DeepCopy().Spec.Template.Spec.Containers
		s.Spec.Traffic = file.service.DeepCopy().Spec.Traffic
		s.Spec.Template.Spec.Containers[0].Image = image
		ctx := apis.WithinUpdate(context.Background(), old)
		s.SetDefaults(ctx)
		return s.Validate(ctx)
	}
	first, second := objects[0], objects[1]
	for _, c := range []struct {
		name      string
		old, file object
	}{
		{"v2 after v1", first, second}, {"v1 after v2", second, first},
		{"v1 again", first, first}, {"v2 again", second, second},
	} {
		if err := apply(live(c.old), c.file, koImage); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	err := apply(live(second), second, "registry.example/function@sha256:"+strings.Repeat("0", 64))
	const want = "Saw the following changes without a name change (-old +new): spec.template.metadata.name"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a new image under the same name: got %v, want %q", err, want)
	}
}

// TestReadmeNamesEverySetting: a setting without its reason in README.md is not
// finished.
func TestReadmeNamesEverySetting(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range mustDecode(t, ".") {
		tpl := o.template()
		for key := range tpl.Annotations {
			names = append(names, strings.TrimPrefix(key, "autoscaling.knative.dev/"))
		}
		for _, e := range tpl.Spec.Containers[0].Env {
			names = append(names, e.Name)
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %d settings found", len(names))
	}
	for _, name := range names {
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("README.md does not name `%s`", name)
		}
	}
}

// TestFunctionImportsNoKubernetes: the types above are for the tests only.
func TestFunctionImportsNoKubernetes(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./function")
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages listed", len(deps))
	}
	for _, dep := range deps {
		for _, prefix := range []string{"knative.dev/", "k8s.io/", "sigs.k8s.io/"} {
			if strings.HasPrefix(dep, prefix) {
				t.Errorf("./function depends on %s", dep)
			}
		}
	}
}
