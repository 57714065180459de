//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestLargeBodies: requests of 1,000 patients come back whole through the route, by
// fresh and by kept connections. Without http-full-duplex in knative/ one in a
// hundred does not, since the answer is there before the proxies on the way have
// seen the end of the body.
func TestLargeBodies(t *testing.T) {
	feature(t, "large", func(ctx context.Context, t *testing.T, n *namespace) {
		out, err := n.koApply(ctx, "knative/10-service-v1.yaml")
		must(t, out, err)
		if err := n.ready(ctx, 90*time.Second); err != nil {
			t.Fatal(err)
		}
		base, golden := n.address(ctx, t, ""), goldenPatients(t)["1"]
		kept, fresh := client(gateway(ctx, t)), client(gateway(ctx, t))
		fresh.Transport.(*http.Transport).DisableKeepAlives = true
		if err := routed(ctx, kept, base); err != nil {
			t.Fatal(err)
		}
		const rows, requests = 1000, 300
		batch := make([]map[string]any, rows)
		for i := range batch {
			batch[i] = golden[i%len(golden)].Row
		}
		body, err := json.Marshal(batch)
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for name, c := range map[string]*http.Client{"kept": kept, "fresh": fresh} {
			for worker := range 2 {
				wait.Go(func() {
					var lost []error
					for range requests / 2 {
						lost = append(lost, large(ctx, c, base, body, rows, golden))
					}
					if err := errors.Join(lost...); err != nil {
						t.Errorf("%s connections, client %d of %d requests: %v", name, worker, requests/2, err)
					}
				})
			}
		}
		wait.Wait()
	})
}

// large sends a batch and checks every answer.
func large(ctx context.Context, c *http.Client, base string, body []byte, rows int, golden []patient) error {
	r, err := post(ctx, c, base, "/predict", body)
	if err != nil {
		return err
	}
	if r.Status != http.StatusOK || len(r.Predictions) != rows {
		return fmt.Errorf("status %d, %d predictions of %d: %s", r.Status, len(r.Predictions), rows, r.Error)
	}
	for i, p := range r.Predictions {
		if want := golden[i%len(golden)].Label; p.Label != want {
			return fmt.Errorf("row %d: label %d, want %d", i, p.Label, want)
		}
	}
	return nil
}
