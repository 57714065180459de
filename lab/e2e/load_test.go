//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// load is a steady open-loop stream of predictions: a request leaves when its
// time has come, whether or not earlier ones have been answered.
type load struct {
	attacker *vegeta.Attacker
	done     sync.WaitGroup

	mu       sync.Mutex
	requests int
	failures []string
	versions map[string]int
}

// startLoad sends so many requests a second through the route until stopped.
func (n *namespace) startLoad(ctx context.Context, t *testing.T, perSecond int) *load {
	t.Helper()
	rows := patients(t, "1")
	base := n.address(ctx, t, "")
	next := 0
	targeter := func(target *vegeta.Target) error {
		body, err := json.Marshal([]any{rows[next%len(rows)].Row})
		if err != nil {
			return err
		}
		next++
		target.Method, target.URL, target.Body = http.MethodPost, base+"/predict", body
		target.Header = http.Header{"Content-Type": {"application/json"}}
		return nil
	}
	c := client(gateway(ctx, t))
	if err := routed(ctx, c, base); err != nil {
		t.Fatal(err)
	}
	l := &load{attacker: vegeta.NewAttacker(vegeta.Client(c)), versions: map[string]int{}}
	results := l.attacker.Attack(targeter, vegeta.Rate{Freq: perSecond, Per: time.Second}, 0, t.Name())
	l.done.Go(func() {
		for r := range results {
			l.note(r)
		}
	})
	time.Sleep(time.Second) // let the stream become steady before what it is to see
	return l
}

func (l *load) note(r *vegeta.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if r.Code != http.StatusOK {
		l.failures = append(l.failures, fmt.Sprintf("%s: status %d: %s %.200s", r.Timestamp.Format(time.RFC3339Nano), r.Code, r.Error, r.Body))
		return
	}
	l.versions[r.Headers.Get("X-Model-Version")]++
}

// stop ends the stream, waits for the answers that are due, and fails the test
// if a request failed.
func (l *load) stop(t *testing.T, during string) {
	t.Helper()
	time.Sleep(2 * time.Second) // what follows a change must be seen as well
	l.attacker.Stop()
	l.done.Wait()
	t.Logf("%s: %d requests, %d failed, by model version %v", during, l.requests, len(l.failures), l.versions)
	if len(l.failures) > 0 {
		t.Errorf("%s: %d of %d requests failed, first: %s", during, len(l.failures), l.requests, l.failures[0])
	}
	if l.requests < 40 {
		t.Errorf("%s: only %d requests were sent", during, l.requests)
	}
}
