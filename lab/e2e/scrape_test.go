//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// metricsPort is METRICS_PORT of knative/, which no manifest declares.
const metricsPort = "9464"

// scrapes is what a scraper of pods has seen.
type scrapes struct {
	good int            // scrapes that were answered
	pods map[string]int // of these, by pod
	last time.Time      // of the last one
	rows string         // the line of rows of the last one
	pod  string         // of the last one
}

// TestScrapeNeitherWakesNorHolds: a revision whose pods are scraped every 500 ms,
// past everything of Knative, as a PodMonitor has it done, goes to zero all the
// same, and who still asks for a pod that is gone does not bring one back. Pods are
// asked through the API server, which dials their addresses: these lead nowhere
// outside of the cluster.
func TestScrapeNeitherWakesNorHolds(t *testing.T) {
	feature(t, "scrape", func(ctx context.Context, t *testing.T, n *namespace) {
		n.deployed(ctx, t)
		c, golden := client(gateway(ctx, t)), goldenPatients(t)
		base := n.address(ctx, t, "v1")
		if err := routed(ctx, c, base); err != nil {
			t.Fatal(err)
		}
		if _, err := predict(ctx, c, base, golden, 0); err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		seen := n.scrapeUntilZero(ctx, t, 3*time.Minute)
		t.Logf("no pod is left %.1f s after the last request; %d scrapes, the last %.1f s after it, by pod %v",
			time.Since(asked).Seconds(), seen.good, seen.last.Sub(asked).Seconds(), seen.pods)
		// The stable window and the grace period of the lab are 15 s each: who was
		// scraped for less has not been tried.
		if seen.good < 10 || seen.last.Sub(asked) < 10*time.Second {
			t.Fatalf("only %d scrapes, the last %v after the request", seen.good, seen.last.Sub(asked))
		}
		if !strings.Contains(seen.rows, `model="heart-disease"`) {
			t.Errorf("the last scrape had %q", seen.rows)
		}
		n.staysAtZero(ctx, t, seen.pod, 20*time.Second)

		// What is seen as waking: the same path through the route, which has no metrics.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if pods, err := n.pods(ctx); err != nil || len(pods) == 0 || res.StatusCode != http.StatusNotFound {
			t.Errorf("GET /metrics through the route: %s, %d pods, %v", res.Status, len(pods), err)
		}
	})
}

// pods are those of the namespace.
func (n *namespace) pods(ctx context.Context) ([]corev1.Pod, error) {
	return podsOf(ctx, n.name, service)
}

// scrapeUntilZero asks every running pod for its metrics until there is none.
func (n *namespace) scrapeUntilZero(ctx context.Context, t *testing.T, limit time.Duration) scrapes {
	t.Helper()
	seen := scrapes{pods: map[string]int{}}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		pods, err := n.pods(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(pods) == 0 && seen.good > 0 {
			return seen
		}
		for _, p := range pods {
			if p.Status.Phase != corev1.PodRunning {
				continue
			}
			text, err := n.scrape(ctx, p.Name)
			if err != nil {
				continue // it starts or ends; how many were answered is counted
			}
			seen.good++
			seen.pods[p.Name]++
			seen.last, seen.pod = time.Now(), p.Name
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "oi_rows_scored_total{") {
					seen.rows = line
				}
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-tick.C:
		}
	}
	t.Fatalf("pods that are scraped are still there after %v; scrapes by pod %v", limit, seen.pods)
	return seen
}

// staysAtZero asks for a pod that is gone, and watches that none comes.
func (n *namespace) staysAtZero(ctx context.Context, t *testing.T, pod string, long time.Duration) {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	tries := 0
	for end := time.Now().Add(long); time.Now().Before(end); tries++ {
		if _, err := n.scrape(ctx, pod); err == nil {
			t.Fatalf("%s answers, and is gone", pod)
		}
		pods, err := n.pods(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(pods) > 0 {
			t.Fatalf("a scrape woke %s", pods[0].Name)
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-tick.C:
		}
	}
	t.Logf("no pod came in %v, in which %s was asked for %d times", long, pod, tries)
}

// scrape asks a pod for its metrics, without Knative on the way.
func (n *namespace) scrape(ctx context.Context, pod string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	text, err := lab.kube.CoreV1().Pods(n.name).ProxyGet("http", pod, metricsPort, "/metrics", nil).DoRaw(limited)
	return string(text), err
}
