//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTraffic follows one Service through its life: the split, the tags, input
// that is refused, promotion and way back under load, and scale to zero.
func TestTraffic(t *testing.T) {
	feature(t, "traffic", func(ctx context.Context, t *testing.T, n *namespace) {
		n.deployed(ctx, t)
		c := client(gateway(ctx, t))
		base := n.address(ctx, t, "")
		if err := routed(ctx, c, base); err != nil {
			t.Fatal(err)
		}
		golden := goldenPatients(t)
		t.Run("split", func(t *testing.T) { split(ctx, t, n, c, base, golden) })
		t.Run("tags", func(t *testing.T) { tags(ctx, t, n, c, golden) })
		t.Run("bad input", func(t *testing.T) { badInput(ctx, t, c, base) })
		t.Run("promote and roll back", func(t *testing.T) { promoteAndBack(ctx, t, n) })
		t.Run("zero and back", func(t *testing.T) { zeroAndBack(ctx, t, n, c, base, golden) })
	})
}

// split counts 400 answers by revision. With 10 % for v2 the count of its
// answers has a mean of 40 and a standard deviation of 6; five of those to
// either side are passed by chance once in a million runs.
func split(ctx context.Context, t *testing.T, n *namespace, c *http.Client, base string, golden map[string][]patient) {
	const requests, share = 400, 0.10
	counts := map[string]int{}
	for i := range requests {
		r, err := predict(ctx, c, base, golden, i%303)
		if err != nil {
			t.Fatal(err)
		}
		counts[r.Revision]++
		if want := service + "-v" + r.Version; r.Revision != want || !strings.HasPrefix(r.Pod, want) {
			t.Fatalf("version %s answered as revision %q in pod %q", r.Version, r.Revision, r.Pod)
		}
	}
	mean, deviation := requests*share, math.Sqrt(requests*share*(1-share))
	if got := float64(counts[service+"-v2"]); math.Abs(got-mean) > 5*deviation {
		t.Errorf("v2 answered %v of %d requests, want %v within %.0f", got, requests, mean, 5*deviation)
	}
	t.Logf("%d requests by revision: %v (traffic %s)", requests, counts, n.shares(ctx, t))
}

// tags asks the URL of each tag, which always reaches its own revision.
func tags(ctx context.Context, t *testing.T, n *namespace, c *http.Client, golden map[string][]patient) {
	for _, version := range []string{"1", "2"} {
		base := n.address(ctx, t, "v"+version)
		if err := routed(ctx, c, base); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			r, err := predict(ctx, c, base, golden, i)
			if err != nil {
				t.Fatal(err)
			}
			if r.Version != version {
				t.Fatalf("tag v%s was answered by version %s", version, r.Version)
			}
		}
	}
}

// badInput shows that a client's mistake is a 400 with a reason, through the
// whole path of ingress, activator and queue-proxy.
func badInput(ctx context.Context, t *testing.T, c *http.Client, base string) {
	for body, want := range map[string]string{
		`{"features":["age"],"data":[[63]]}`:    "missing",
		`{"features":["age"],"data":[["old"]]}`: "missing",
		`[{"age":"old"}]`:                       "row 0",
		`{"features":`:                          "",
	} {
		r, err := post(ctx, c, base, "/predict", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != http.StatusBadRequest || r.Error == "" || !strings.Contains(r.Error, want) {
			t.Errorf("%s: status %d, error %q, want 400 with %q", body, r.Status, r.Error, want)
		}
	}
}

// promoteAndBack gives v2 all traffic and takes it back under a steady load.
func promoteAndBack(ctx context.Context, t *testing.T, n *namespace) {
	for _, change := range []struct {
		target, arg, want string
	}{
		{"traffic", "V2=50", "v1=online-inference-v1:50 v2=online-inference-v2:50"},
		{"promote", "", "v1=online-inference-v1:0 v2=online-inference-v2:100"},
		{"rollback", "", "v1=online-inference-v1:100 v2=online-inference-v2:0"},
	} {
		l := n.startLoad(ctx, t, 50)
		out, err := n.make(ctx, strings.Fields(change.target+" "+change.arg)...)
		must(t, out, err)
		if !strings.Contains(out, "kubectl") || !strings.Contains(out, "patch") {
			t.Errorf("make %s does not show the patch that it is:\n%s", change.target, out)
		}
		if err := n.ready(ctx, time.Minute); err != nil {
			t.Error(err)
		}
		l.stop(t, "make "+change.target)
		if got := n.shares(ctx, t); got != change.want {
			t.Errorf("make %s: traffic %q, want %q", change.target, got, change.want)
		}
	}
	// After the way back, v2 is not asked any more.
	l := n.startLoad(ctx, t, 50)
	l.stop(t, "after the way back")
	if l.versions["2"] != 0 {
		t.Errorf("v2 answered %d requests after the way back", l.versions["2"])
	}
}

// zeroAndBack waits until nothing runs, and asks once.
func zeroAndBack(ctx context.Context, t *testing.T, n *namespace, c *http.Client, base string, golden map[string][]patient) {
	if err := n.noPods(ctx, 3*time.Minute); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r, err := predict(ctx, c, base, golden, 87) // its thal is missing
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("0 -> 1: version %s answered after %.2f s from pod %s", r.Version, time.Since(start).Seconds(), r.Pod)
}

// noPods waits until the namespace holds no pod.
func (n *namespace) noPods(ctx context.Context, limit time.Duration) error {
	return poll(ctx, limit, "no pods in "+n.name, func(ctx context.Context) (bool, string, error) {
		out, err := lab.run(ctx, "kubectl", "-n", n.name, "get", "pods", "-o", "name")
		if err != nil {
			return false, "", err
		}
		names := strings.Fields(out)
		return len(names) == 0, fmt.Sprintf("pods %v", names), nil
	})
}
