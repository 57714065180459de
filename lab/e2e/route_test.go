//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// gateway is the address at which Kourier takes requests from outside.
func gateway(ctx context.Context, t *testing.T) string {
	t.Helper()
	s, err := lab.kube.CoreV1().Services("kourier-system").Get(ctx, "kourier", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if in := s.Status.LoadBalancer.Ingress; len(in) > 0 {
		return net.JoinHostPort(in[0].IP, "80")
	}
	t.Fatal("the Service kourier has no address")
	return ""
}

// client sends every request to the gateway whatever its host name, as curl
// --resolve does.
func client(address string) *http.Client {
	return &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
		MaxIdleConnsPerHost: 64,
	}}
}

// reply is what POST /predict answers, and who did.
type reply struct {
	Status   int
	Error    string
	Model    string
	Version  string
	Revision string
	Pod      string

	Predictions []struct {
		Label         int
		Class         string
		Probabilities map[string]float64
	}
}

// patient is one row of the data set with scikit-learn's own answers.
type patient struct {
	Row           map[string]any
	Label         int
	Probabilities []float64
}

// patients reads all 303 rows as a model version scored them in training.
func patients(t *testing.T, version string) []patient {
	t.Helper()
	f, err := os.Open(filepath.Join(lab.root, "train/testdata/golden/heart-disease-"+version+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []patient
	for s := bufio.NewScanner(f); s.Scan(); {
		var p patient
		if err := json.Unmarshal(s.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) != 303 {
		t.Fatalf("%d patients, want 303", len(all))
	}
	return all
}

// post sends a body to /predict of a host and reads the answer.
func post(ctx context.Context, c *http.Client, base, path string, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{Status: res.StatusCode}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("status %d, body %.200q: %w", res.StatusCode, data, err)
	}
	return r, nil
}

// predict scores one patient and checks the answer against the framework's
// own for the version that answered.
func predict(ctx context.Context, c *http.Client, base string, golden map[string][]patient, i int) (reply, error) {
	body, err := json.Marshal([]any{golden["1"][i].Row})
	if err != nil {
		return reply{}, err
	}
	r, err := post(ctx, c, base, "/predict", body)
	if err != nil {
		return r, err
	}
	return r, r.check(golden, i)
}

func (r *reply) check(golden map[string][]patient, i int) error {
	if r.Status != http.StatusOK {
		return fmt.Errorf("status %d: %s", r.Status, r.Error)
	}
	rows, ok := golden[r.Version]
	if !ok || len(r.Predictions) != 1 {
		return fmt.Errorf("version %q gave %d predictions", r.Version, len(r.Predictions))
	}
	want, got := rows[i], r.Predictions[0]
	if got.Label != want.Label || math.Abs(got.Probabilities["disease"]-want.Probabilities[1]) > 1e-5 {
		return fmt.Errorf("patient %d, version %s: %+v, want label %d with %v", i, r.Version, got, want.Label, want.Probabilities)
	}
	return nil
}

func goldenPatients(t *testing.T) map[string][]patient {
	t.Helper()
	return map[string][]patient{"1": patients(t, "1"), "2": patients(t, "2")}
}

// address reads the URL of the Service, or of the tag, from its status.
func (n *namespace) address(ctx context.Context, t *testing.T, tag string) string {
	t.Helper()
	s := n.service(ctx, t)
	if tag == "" {
		return s.Status.URL.String()
	}
	for _, target := range s.Status.Traffic {
		if target.Tag == tag {
			return target.URL.String()
		}
	}
	t.Fatalf("the Service has no tag %q: %+v", tag, s.Status.Traffic)
	return ""
}

// routed waits until the gateway knows the host, which takes it a moment after
// the Service turned Ready.
func routed(ctx context.Context, c *http.Client, base string) error {
	return poll(ctx, time.Minute, base+" routed", func(ctx context.Context) (bool, string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v2/health/live", http.NoBody)
		if err != nil {
			return false, "", err
		}
		res, err := c.Do(req)
		if err != nil {
			if wrong := (*url.Error)(nil); errors.As(err, &wrong) {
				return false, wrong.Error(), nil
			}
			return false, "", err
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK, res.Status, nil
	})
}
