//go:build e2e

package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// A job is what a client script is asked to do.
type job struct {
	URL       string            `json:"url"`
	Model     string            `json:"model"`
	Version   string            `json:"version"`
	Rows      []json.RawMessage `json:"rows"` // objects, columns in the model's order
	Datatypes json.RawMessage   `json:"datatypes"`
	golden    []struct {
		label int
		p     []float64
	}
}

// answer is what a client got, in numbers.
type answer struct {
	Label         []int       `json:"label"`
	Probabilities [][]float64 `json:"probabilities"`
	ID            string      `json:"id"`
}

// many is how many rows a job has.
const many = 20

// heart starts the function and makes a job of the training framework's golden
// predictions.
func heart(t *testing.T) *job {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "train/testdata/golden/heart-disease-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j := &job{Model: "heart-disease", Version: "1", Datatypes: json.RawMessage(
		`{"age":"FP32","sex":"INT64","cp":"INT64","trestbps":"FP32","chol":"FP32","fbs":"INT64","restecg":"INT64",` +
			`"thalach":"FP32","exang":"INT64","oldpeak":"FP32","slope":"INT64","ca":"FP32","thal":"BYTES"}`)}
	for scan := bufio.NewScanner(f); scan.Scan() && len(j.Rows) < many; {
		var line struct {
			Row           json.RawMessage
			Missing       []string
			Label         int
			Probabilities []float64
		}
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if len(line.Missing) == 0 {
			j.Rows = append(j.Rows, line.Row)
			j.golden = append(j.golden, struct {
				label int
				p     []float64
			}{line.Label, line.Probabilities})
		}
	}
	if len(j.Rows) != many {
		t.Fatalf("%d golden rows, expected %d", len(j.Rows), many)
	}
	j.URL = serve(t)
	return j
}

// run gives the job to a client script.
func (j *job) run(t *testing.T, script string) (answers map[string]answer, facts map[string]any) {
	t.Helper()
	in, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := python(t, "clients", "python", filepath.Join("python", script))
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errs.String())
	}
	var said struct {
		Answers map[string]answer
		Facts   map[string]any
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	return said.Answers, said.Facts
}

// compare holds the answers against the golden predictions and the id that was
// sent.
func (j *job) compare(t *testing.T, answers map[string]answer, ways []string, id string) {
	t.Helper()
	for _, way := range ways {
		a, ok := answers[way]
		if !ok || len(a.Label) != many || len(a.Probabilities) != many {
			t.Errorf("%s: no answer of %d rows: %+v", way, many, a)
			continue
		}
		if a.ID != id {
			t.Errorf("%s: id %q, expected %q", way, a.ID, id)
		}
		for i, g := range j.golden {
			if a.Label[i] != g.label {
				t.Errorf("%s, row %d: label %d, expected %d", way, i, a.Label[i], g.label)
			}
			for k := range g.p {
				if math.Abs(a.Probabilities[i][k]-g.p[k]) > 1e-6 {
					t.Errorf("%s, row %d: probabilities %v, expected %v", way, i, a.Probabilities[i], g.p)
				}
			}
		}
	}
}

// expect holds what a client found out against what it should.
func expect(t *testing.T, facts, want map[string]any) {
	t.Helper()
	for name, w := range want {
		got, err := json.Marshal(facts[name])
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, text) {
			t.Errorf("%s: %s, expected %s", name, got, text)
		}
	}
}

const unknown = `model "no-such-model" not found: this server has "heart-disease"`

func TestTritonHTTP(t *testing.T) {
	j := heart(t)
	answers, facts := j.run(t, "triton_http.py")
	j.compare(t, answers, []string{"json", "binary", "binary in", "binary out", "gzip", "version"}, "t-1")
	expect(t, facts, map[string]any{
		"live": true, "ready": true, "model ready": true, "unknown model ready": false, "inputs": 13,
		"extensions": []string{"binary_tensor_data"}, "unknown model": "404: " + unknown,
	})
}

func TestTritonGRPC(t *testing.T) {
	j := heart(t)
	answers, facts := j.run(t, "triton_grpc.py")
	j.compare(t, answers, []string{"raw", "outputs", "version", "gzip"}, "t-2")
	expect(t, facts, map[string]any{
		"live": true, "ready": true, "model ready": true, "inputs": 13, "unknown model": "StatusCode.NOT_FOUND: " + unknown,
	})
}

func TestKServe(t *testing.T) {
	j := heart(t)
	answers, facts := j.run(t, "kserve_clients.py")
	j.compare(t, answers, []string{"v2", "v2 binary", "grpc", "grpc raw"}, "k-1")
	var labels []int
	for _, g := range j.golden {
		labels = append(labels, g.label)
	}
	expect(t, facts, map[string]any{
		"live": true, "ready": true, "model ready": true, "v1 live": true, "v1 model ready": true,
		"grpc live": true, "grpc ready": true, "grpc model ready": true, "v1 lists": labels, "v1 objects": labels,
	})
}

// curl sends what the documentation says, and is told what it forgot.
func TestCurl(t *testing.T) {
	j := heart(t)
	row := map[string]json.RawMessage{"instances": nil}
	var err error
	if row["instances"], err = json.Marshal(j.Rows[:1]); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + j.URL + "/v1/models/heart-disease:predict"
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"-d", string(body), "-H", "Content-Type: application/json", url}, []string{`"predictions":[0]`, "\n200 application/json"}},
		{[]string{"--json", string(body), url}, []string{`"predictions":[0]`, "\n200 application/json"}},
		{[]string{"-d", string(body), url}, []string{"-H 'Content-Type: application/json'", "\n415 application/json"}},
		{[]string{"-I", "http://" + j.URL + "/v2/health/live"}, []string{"HTTP/1.1 200 OK", "\n200 application/json"}},
		{[]string{"--http2-prior-knowledge", "http://" + j.URL + "/v2/health/ready"}, []string{`"ready":true`, "\n200 application/json"}},
	} {
		cmd := exec.CommandContext(t.Context(), "curl", append([]string{"-s", "--noproxy", "*", "-w", "\n%{http_code} %{content_type}"}, c.args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("curl %q: %v\n%s", c.args, err, out)
		}
		if slices.ContainsFunc(c.want, func(w string) bool { return !bytes.Contains(out, []byte(w)) }) {
			t.Errorf("curl %q: expected %q in\n%s", c.args, c.want, out)
		}
	}
}
