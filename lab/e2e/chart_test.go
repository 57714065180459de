//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// chart is the chart's folder, as one names it in the checkout.
const chart = "k8s-classic/chart"

func (n *namespace) helm(ctx context.Context, args ...string) (string, error) {
	return lab.run(ctx, "helm", append(args, "--namespace", n.name)...)
}

// release is one installed chart, reached from outside by its Service's node port.
type release struct {
	*namespace
	name    string // of the release
	objects string // what its objects are called
}

// upgrade installs the release or changes it, and waits until all pods are new.
func (r *release) upgrade(ctx context.Context, t *testing.T, flags ...string) {
	t.Helper()
	args := append([]string{"upgrade", "--install", r.name, chart, "--wait", "--timeout", "3m", "--set", "service.type=NodePort"}, flags...)
	out, err := r.helm(ctx, args...)
	must(t, out, err)
	r.settled(ctx, t)
}

// settled waits for what helm's --wait does not: new pods that have been ready for
// minReadySeconds, and old ones that are gone.
func (r *release) settled(ctx context.Context, t *testing.T) {
	t.Helper()
	r.kubectl(ctx, t, "rollout", "status", "deployment/"+r.objects, "--timeout", "3m")
	err := poll(ctx, 2*time.Minute, "no pods but the new ones", func(ctx context.Context) (bool, string, error) {
		d, err := lab.kube.AppsV1().Deployments(r.namespace.name).Get(ctx, r.objects, metav1.GetOptions{})
		if err != nil {
			return again(err)
		}
		list, err := lab.kube.CoreV1().Pods(r.namespace.name).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + r.name})
		if err != nil {
			return again(err)
		}
		return len(list.Items) == int(*d.Spec.Replicas), fmt.Sprintf("%d pods of %d", len(list.Items), *d.Spec.Replicas), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// base is the address of the Service from outside of the cluster.
func (r *release) base(ctx context.Context, t *testing.T) string {
	t.Helper()
	s, err := lab.kube.CoreV1().Services(r.namespace.name).Get(ctx, r.objects, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := lab.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil || len(nodes.Items) == 0 {
		t.Fatalf("no node: %v", err)
	}
	for _, a := range nodes.Items[0].Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return fmt.Sprintf("http://%s:%d", a.Address, s.Spec.Ports[0].NodePort)
		}
	}
	t.Fatal("the node has no address")
	return ""
}

// pods are the names of the release's pods.
func (r *release) pods(ctx context.Context, t *testing.T) []string {
	t.Helper()
	list, err := lab.kube.CoreV1().Pods(r.namespace.name).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + r.name})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list.Items {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// fresh is a client that makes a connection for each request, so that kube-proxy,
// which balances connections, spreads them over the pods.
func fresh() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

// answers has the release answer all over with one version of the model.
func (r *release) answers(ctx context.Context, t *testing.T, version string) {
	t.Helper()
	base, golden := r.base(ctx, t), goldenPatients(t)
	for i := range 10 {
		got, err := predict(ctx, fresh(), base, golden, i)
		if err != nil || got.Version != version {
			t.Errorf("%s answers by version %q, expected %s (%v)", r.name, got.Version, version, err)
		}
	}
}

// startLoad is a steady open-loop stream of predictions, half of it on connections
// of its own, which `stop` ends.
func (r *release) startLoad(ctx context.Context, t *testing.T, perSecond int) (stop func(during string) map[string]int) {
	t.Helper()
	rows, base := patients(t, "1"), r.base(ctx, t)
	var streams []*load
	for _, keep := range []bool{false, true} {
		next := 0
		targeter := func(target *vegeta.Target) error {
			body, err := json.Marshal([]any{rows[next%len(rows)].Row})
			next++
			target.Method, target.URL, target.Body = http.MethodPost, base+"/predict", body
			target.Header = http.Header{"Content-Type": {"application/json"}}
			return err
		}
		l := &load{attacker: vegeta.NewAttacker(vegeta.KeepAlive(keep), vegeta.Timeout(10*time.Second)), versions: map[string]int{}}
		results := l.attacker.Attack(targeter, vegeta.Rate{Freq: perSecond / 2, Per: time.Second}, 0, t.Name())
		l.done.Go(func() {
			for result := range results {
				l.note(result)
			}
		})
		streams = append(streams, l)
	}
	time.Sleep(time.Second) // steady before what it is to see
	return func(during string) map[string]int {
		versions := map[string]int{}
		for i, l := range streams {
			l.stop(t, during+[]string{", a connection for each request", ", kept connections"}[i])
			for v, count := range l.versions {
				versions[v] += count
			}
		}
		return versions
	}
}

// TestChart goes the way of a release: lint, template, install, test, upgrade and
// rollback under load, other settings, refused ones, uninstall.
func TestChart(t *testing.T) {
	feature(t, "the chart from lint to uninstall", func(ctx context.Context, t *testing.T, n *namespace) {
		for _, args := range [][]string{{"lint", "--strict", chart}, {"template", "heart", chart, "--validate"}} {
			out, err := n.helm(ctx, args...)
			must(t, out, err)
		}
		heart := &release{n, "heart", "heart-online-inference"}
		heart.upgrade(ctx, t)
		heart.answers(ctx, t, "1")
		said, err := n.helm(ctx, "test", heart.name)
		if out := must(t, said, err); !strings.Contains(out, "Phase:          Succeeded") {
			t.Errorf("helm test says\n%s", out)
		}

		// A second one beside it, of the other model: nobody sends to the other's pods.
		other := &release{n, "online-inference", "online-inference-helm"}
		other.upgrade(ctx, t, "--set", "image.tag=v2,replicaCount=1")
		heart.answers(ctx, t, "1")
		other.answers(ctx, t, "2")

		heart.rollouts(ctx, t)
		heart.settings(ctx, t)
		heart.refusals(ctx, t)

		for _, r := range []*release{heart, other} {
			out, err := n.helm(ctx, "uninstall", r.name, "--wait")
			must(t, out, err)
			left := n.kubectl(ctx, t, "get", "deployment,service,configmap,serviceaccount,poddisruptionbudget,horizontalpodautoscaler,secret,pod",
				"--selector", "app.kubernetes.io/instance="+r.name, "--output", "name")
			if left = strings.TrimSpace(left); left != "" && !strings.HasPrefix(left, "pod/") { // pods take their grace period
				t.Errorf("after uninstall of %s:\n%s", r.name, left)
			}
		}
	})
}

// rollouts upgrades to v2 and rolls back to v1 under load. No request fails, and
// helm test notices a server that is not what the release says.
func (r *release) rollouts(ctx context.Context, t *testing.T) {
	t.Helper()
	stop := r.startLoad(ctx, t, 50)
	r.upgrade(ctx, t, "--set", "image.tag=v2")
	if v := stop("upgrade v1 to v2"); v["1"] == 0 || v["2"] == 0 {
		t.Errorf("the load saw versions %v, expected both", v)
	}
	r.answers(ctx, t, "2")
	stop = r.startLoad(ctx, t, 50)
	out, err := r.helm(ctx, "rollback", r.name, "1", "--wait", "--timeout", "3m")
	must(t, out, err)
	r.settled(ctx, t)
	if v := stop("rollback to v1"); v["1"] == 0 || v["2"] == 0 {
		t.Errorf("the load saw versions %v, expected both", v)
	}
	r.answers(ctx, t, "1")

	r.kubectl(ctx, t, "set", "image", "deployment/"+r.objects, "online-inference=online-inference:v2")
	r.settled(ctx, t)
	if out, err := r.helm(ctx, "test", r.name); err == nil {
		t.Errorf("helm test takes another model for the release's:\n%s", out)
	}
	log := r.kubectl(ctx, t, "logs", r.objects+"-test")
	if !strings.Contains(log, `version "2" answers, expected "heart-disease", version "1"`) {
		t.Errorf("the failed test says %q", log)
	}
}

// settings changes what the pods read: a variable, and model.yaml.
func (r *release) settings(ctx context.Context, t *testing.T) {
	t.Helper()
	r.upgrade(ctx, t)
	before := r.pods(ctx, t)
	r.upgrade(ctx, t, "--set", "service.annotations.note=x")
	if now := r.pods(ctx, t); !slices.Equal(before, now) {
		t.Errorf("an annotation of the Service makes new pods: %v, %v", before, now)
	}
	r.upgrade(ctx, t, "--set", "config.MAX_ROWS=1")
	for _, name := range r.pods(ctx, t) {
		if slices.Contains(before, name) {
			t.Errorf("pod %s has lived through a change of its ConfigMap", name)
		}
	}
	row, err := json.Marshal(patients(t, "1")[0].Row)
	if err != nil {
		t.Fatal(err)
	}
	two := fmt.Appendf(nil, "[%s,%s]", row, row)
	if got, err := post(ctx, fresh(), r.base(ctx, t), "/predict", two); err != nil || got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("two rows with MAX_ROWS=1: status %d (%v), expected 413", got.Status, err)
	}

	card, err := os.ReadFile(filepath.Join(lab.root, "function/kodata/models/heart-disease/2/model.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.yaml")
	write := func(old, text string) {
		if strings.Count(string(card), old) != 1 {
			t.Fatalf("model.yaml holds %q not once", old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(card), old, text, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("name: heart-disease\n", "name: our-hearts\n")
	r.upgrade(ctx, t, "--set", "model.version=2", "--set-file", "model.yaml="+path)
	got, err := post(ctx, fresh(), r.base(ctx, t), "/predict", fmt.Appendf(nil, "[%s]", row))
	if err != nil || got.Model != "our-hearts" || got.Version != "2" {
		t.Errorf("with a model.yaml of our own: %+v (%v)", got, err)
	}
	out, err := r.helm(ctx, "test", r.name)
	must(t, out, err)

	// One that contradicts the model's file never becomes ready; the old pods serve.
	write("  - name: age\n", "  - name: years\n")
	out, err = r.helm(ctx, "upgrade", r.name, chart, "--wait", "--timeout", "20s", "--set", "service.type=NodePort,model.version=2", "--set-file", "model.yaml="+path)
	if err == nil {
		t.Errorf("a model.yaml that contradicts the model is taken:\n%s", out)
	}
	if got, err = post(ctx, fresh(), r.base(ctx, t), "/predict", fmt.Appendf(nil, "[%s]", row)); err != nil || got.Model != "our-hearts" {
		t.Errorf("beside pods that cannot start: %+v (%v)", got, err)
	}
	out, err = r.helm(ctx, "rollback", r.name, "--wait", "--timeout", "3m")
	must(t, out, err)
	r.settled(ctx, t)
}

// refusals has values that reach no cluster.
func (r *release) refusals(ctx context.Context, t *testing.T) {
	t.Helper()
	history := func() int {
		out, err := r.helm(ctx, "history", r.name, "--output", "json")
		var all []any
		if err := json.Unmarshal([]byte(must(t, out, err)), &all); err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := history()
	for value, want := range map[string]string{
		"strategy.maxSurge=0":    "/strategy",
		"replicas=3":             "replicas",
		"config.LOG_LEVEL=loud":  "/config/LOG_LEVEL",
		"config.MODEL_VARIANT=2": "MODEL_VARIANT",
	} {
		if out, err := r.helm(ctx, "upgrade", r.name, chart, "--set", value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--set %s: %v\n%s", value, err, out)
		}
	}
	if now := history(); now != before {
		t.Errorf("refused values made revisions: %d, now %d", before, now)
	}
}

// TestChartNotes types what `helm install` prints: every indented line.
func TestChartNotes(t *testing.T) {
	t.Parallel()
	feature(t, "the commands of the chart's notes", func(ctx context.Context, t *testing.T, n *namespace) {
		out, err := n.helm(ctx, "install", "heart", chart, "--wait")
		port, ran := strconv.Itoa(freePort(t)), 0
		for line := range strings.Lines(must(t, out, err)) {
			command, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "  ")
			if !ok {
				continue
			}
			command = strings.ReplaceAll(command, "8080", port)
			if strings.Contains(command, " port-forward ") {
				defer forwardPort(ctx, t, command)()
			} else if _, err := lab.run(ctx, "bash", "-c", command); err != nil {
				t.Error(err)
			}
			ran++
		}
		if ran != 7 {
			t.Errorf("%d commands in\n%s", ran, out)
		}
	})
}

// forwardPort leaves a command of kubectl running until the returned function is called.
func forwardPort(ctx context.Context, t *testing.T, command string) (stop func()) {
	t.Helper()
	c := exec.CommandContext(ctx, "bash", "-c", "exec "+command)
	c.Dir, c.Env = lab.root, lab.environ
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "Forwarding from") {
		t.Errorf("%s says %q", command, lines.Text())
	}
	go func() {
		for lines.Scan() { // one line for each connection
			continue
		}
	}()
	return func() {
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := c.Wait(); err == nil {
			t.Errorf("%s ended by itself", command)
		}
	}
}

// TestHowToHelm follows the page, in a namespace of the test's own.
func TestHowToHelm(t *testing.T) {
	t.Parallel()
	feature(t, "docs/how-to/helm.md", func(ctx context.Context, t *testing.T, n *namespace) {
		for _, heading := range []string{"Install", "Test", "Upgrade and roll back", "Change settings", "Uninstall"} {
			list := steps(t, "docs/how-to/helm.md", heading)
			for i := range list {
				for _, text := range []*string{&list[i].command, &list[i].want} {
					*text = strings.ReplaceAll(*text, "models ", n.name+" ")
					*text = strings.ReplaceAll(*text, "models\n", n.name+"\n")
					*text = strings.ReplaceAll(*text, "namespaces/models/", "namespaces/"+n.name+"/")
				}
				list[i].command = ". .lab/env\n" + list[i].command
			}
			follow(ctx, t, list)
		}
	})
}
