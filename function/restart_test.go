package main

import (
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A backend is one process behind the service of the test.
type backend struct {
	*process
	ready atomic.Bool
}

// A service stands for what is between clients and pods: it knows which backends
// are ready, a little late, and hands out one after the other.
type service struct {
	mu       sync.Mutex
	backends []*backend
	next     int
}

// pick is the next backend that was ready when somebody last looked.
func (s *service) pick() *backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.backends {
		s.next++
		if b := s.backends[s.next%len(s.backends)]; b.ready.Load() {
			return b
		}
	}
	return nil
}

func (s *service) replace(i int, b *backend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends[i] = b
}

// watch asks every backend for its readiness, at the pace of slow endpoint updates.
func (s *service) watch(stop <-chan struct{}, client *http.Client) {
	for {
		s.mu.Lock()
		all := append([]*backend(nil), s.backends...)
		s.mu.Unlock()
		for _, b := range all {
			r, err := do(client, http.MethodGet, b.url+"/v2/health/ready", "", "")
			b.ready.Store(err == nil && r.status == 200)
		}
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestRestarts sends 10,000 requests over kept connections through a service of
// two processes while these are restarted one after the other. No request is sent
// twice, and none may fail.
func TestRestarts(t *testing.T) {
	const requests, restarts, clients = 10_000, 6, 8
	environ := []string{"DRAIN_DELAY=400ms", "DRAIN_TIMEOUT=10s"}
	svc := &service{backends: make([]*backend, 2)}
	for i := range svc.backends {
		svc.backends[i] = &backend{process: start(t, environ...)}
		svc.backends[i].ready.Store(true)
	}
	stopWatch := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { svc.watch(stopWatch, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}) })

	var sent, failures, redials atomic.Int64
	var done atomic.Bool
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			wires := map[*backend]*wire{}
			for sent.Load() < requests || !done.Load() {
				sent.Add(1)
				if err := through(svc, wires, &redials); err != "" {
					failures.Add(1)
					t.Error(err)
				}
				time.Sleep(500 * time.Microsecond)
			}
			for _, w := range wires {
				if err := w.conn.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range restarts {
		old := svc.backends[n%2]
		old.signal(syscall.SIGTERM)
		if code := old.exit(); code != 0 {
			t.Errorf("restart %d: exit code %d", n, code)
		}
		b := &backend{process: start(t, environ...)}
		svc.replace(n%2, b)
		b.await("the service's notice", b.ready.Load)
	}
	done.Store(true)
	wg.Wait()
	close(stopWatch)
	watcher.Wait()
	t.Logf("%d requests, %d restarts, %d connections announced closed, %d failures", sent.Load(), restarts, redials.Load(), failures.Load())
	if sent.Load() < requests || redials.Load() == 0 {
		t.Error("the test did not do what it claims")
	}
}

// through sends one request to the next backend on a kept connection; what it
// returns is what went wrong.
func through(svc *service, wires map[*backend]*wire, redials *atomic.Int64) string {
	b := svc.pick()
	if b == nil {
		return "no backend is ready"
	}
	w := wires[b]
	if w == nil {
		var err error
		if w, err = dial(b.hostPort()); err != nil {
			return err.Error()
		}
		wires[b] = w
	}
	r, closing, err := w.ask()
	if err != nil {
		delete(wires, b)
		return err.Error()
	}
	if closing {
		redials.Add(1)
		delete(wires, b)
		if err := w.conn.Close(); err != nil {
			return err.Error()
		}
	}
	if r.status != 200 {
		return r.body
	}
	return ""
}
