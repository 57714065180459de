package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/bench/server/record"
)

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"what"}, "expected no arguments"},
		{[]string{"-rounds", "0"}, "-rounds and -seconds of 1 or more"},
		{[]string{"-servers", "nothing"}, "no server is named"},
		{[]string{"-render", "-o", "/nowhere"}, "server.json"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), c.args, &out, &out); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("run %v: %v, want %q", c.args, err, c.want)
		}
	}
}

// TestRender shows that page and charts come from the record alone.
func TestRender(t *testing.T) {
	dir := t.TempDir()
	r := &record.Record{Date: "2026-11-22T11:00:00Z", Quick: true, Servers: []record.Server{{ID: record.Ours, Cells: []record.Cell{{Load: record.One, Rate: 1}}}}}
	if err := r.Write(filepath.Join(dir, "server.json")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-render", "-o", dir}, &out, &out); err != nil {
		t.Fatal(err)
	}
	for name, want := range r.Files() {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestBodies shows the forms of one row.
func TestBodies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte("age,sex,thal,target\n63,1,6,0\n50,1,?,1\n41,0,3,0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := readBodies(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"63", "1", "6"}, {"41", "0", "3"}}, b.rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got, want := string(b.simple(b.rows)), `{"features":["age","sex","thal"],"data":[[63,1,"6"],[41,0,"3"]]}`; got != want {
		t.Errorf("simple: %s", got)
	}
	if got, want := string(b.tensors(b.rows[:1])), `{"inputs":[{"name":"age","shape":[1,1],"datatype":"FP32","data":[63]},{"name":"sex","shape":[1,1],"datatype":"INT64","data":[1]},{"name":"thal","shape":[1,1],"datatype":"BYTES","data":["6"]}]}`; got != want {
		t.Errorf("tensors: %s", got)
	}
	body, head, err := b.binary(b.rows[:1])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(body[head:]), "\x00\x00\x7c\x42"+"\x01\x00\x00\x00\x00\x00\x00\x00"+"\x01\x00\x00\x006"; got != want {
		t.Errorf("binary: %q, want %q", got, want)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		what string
		read func([]byte, int) ([]float64, error)
		body string
		head int
		want []float64
	}{
		{"simple", simpleAnswer, `{"predictions":[{"probabilities":{"no disease":0.75,"disease":0.25}}]}`, 0, []float64{0.25}},
		{"simple, other names", simpleAnswer, `{"predictions":[{"probabilities":{"a":0.75}}]}`, 0, nil},
		{"tensors", tensorsAnswer, `{"outputs":[{"name":"label","data":[0,1]},{"name":"probabilities","data":[0.75,0.25,0.5,0.5]}]}`, 0, []float64{0.25, 0.5}},
		{"tensors, none", tensorsAnswer, `{"outputs":[]}`, 0, nil},
		{"binary", tensorsAnswer, `{"outputs":[{"name":"probabilities","parameters":{"binary_data_size":8}}]}` + "\x00\x00\x40\x3f\x00\x00\x80\x3e", 74, []float64{0.25}},
		{"binary, short", tensorsAnswer, `{"outputs":[{"name":"probabilities","parameters":{"binary_data_size":8}}]}`, 74, nil},
	} {
		got, err := c.read([]byte(c.body), c.head)
		if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != (c.want == nil) {
			t.Errorf("%s: error %v (-want +got):\n%s", c.what, err, diff)
		}
	}
	b := &bench{expected: []float64{0.5, 0.25}}
	c := &contender{}
	if err := b.compare(c, []float64{0.25}, 1, func(int) int { return 0 }); err == nil {
		t.Error("a wrong answer is taken")
	}
	if err := b.compare(c, nil, 1, func(int) int { return 0 }); err == nil {
		t.Error("no answer is taken")
	}
	if err := b.compare(c, []float64{0.25 + 1e-7}, 1, func(int) int { return 1 }); err != nil || c.deviation == 0 {
		t.Errorf("a right answer: %v, deviation %v", err, c.deviation)
	}
}

// serve answers on loopback for a test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// TestClient shows that the client reads answers, and that others than 200 end it.
func TestClient(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ok" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Inference-Header-Content-Length", "2")
		if _, err := fmt.Fprint(w, "hello"); err != nil {
			t.Error(err)
		}
	})
	for path, want := range map[string]string{"/ok": "hello", "/bad": ""} {
		c, err := dial(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		body, head, err := c.ask(newForm(path, [][]byte{[]byte("{}")}, 0, nil).requests[0])
		if string(body) != want || (err != nil) != (want == "") || want != "" && head != 2 {
			t.Errorf("%s: %q, %d, %v", path, body, head, err)
		}
		c.close()
	}
}

// TestOpen shows that waiting behind others counts: a server that answers one
// request at a time, too slowly for the rate, shows times far above its own.
func TestOpen(t *testing.T) {
	const each = 2 * time.Millisecond
	turn := make(chan struct{}, 1)
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		turn <- struct{}{}
		time.Sleep(each)
		<-turn
		if _, err := fmt.Fprint(w, "{}"); err != nil {
			t.Error(err)
		}
	})
	f := newForm("/", [][]byte{[]byte("{}")}, 0, nil)
	x, err := open(t.Context(), address, f, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if x.rate > 1/each.Seconds() || x.p50 < 10*us(each) {
		t.Errorf("rate %v, median %v µs: the queue is not seen", x.rate, x.p50)
	}
}

func TestNewSample(t *testing.T) {
	var times []float64
	for i := range 101 {
		times = append(times, float64(100-i))
	}
	x := newSample(times, 2*time.Second)
	if x.p50 != 50 || x.p99 != 99 || x.rate != 50.5 {
		t.Errorf("%+v", x)
	}
	c := &contender{id: record.Ours, samples: map[string][]sample{record.One: {{rate: 1, p50: 9, requests: 1}, {rate: 3, p50: 7, requests: 1}, {rate: 2, p50: 8, requests: 1}}}}
	want := []record.Cell{{Load: record.One, Rate: 2, Best: 3, P50: 8, LeastP50: 7, Requests: 3}}
	if diff := cmp.Diff(want, c.sum().Cells); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
