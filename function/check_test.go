package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"online-inference/function/artefact"
)

// runCheck is the program with arguments, as a pod of a test runs it.
func runCheck(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	c.Env = append(append([]string{"KO_DATA_PATH=kodata"}, raceEnviron...), environ...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestCheckProcess has one process ask another.
func TestCheckProcess(t *testing.T) {
	p := start(t, "MODEL_VERSION=2", "MODEL_NAME=hearts")
	code, out, errs := runCheck(t, []string{"MODEL_VERSION=2", "MODEL_NAME=hearts"}, "check", p.url+"/")
	if code != 0 || errs != "" || !strings.HasSuffix(out, "4 of 4 rows are answered as recorded\n") ||
		strings.Count(out, "model hearts, version 2, pod pod-a: as recorded: {") != 4 {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		want    string
	}{
		{"no such path", []string{"MODEL_VERSION=2"}, []string{"check", p.url + "/v2"}, 1, "row 1: status 404"},
		{"no URL", nil, []string{"check"}, 2, "expected one argument"},
		{"two URLs", nil, []string{"check", p.url, p.url}, 2, "expected one argument"},
		{"no scheme", nil, []string{"check", "localhost:8080"}, 2, `"localhost:8080": expected an address`},
		{"another word", nil, []string{"serve"}, 2, `unexpected argument "serve"`},
		{"bad configuration", []string{"PORT=x"}, []string{"check", p.url}, 2, `PORT="x"`},
		{"no such model", []string{"MODEL=nowhere"}, []string{"check", p.url}, 2, `MODEL="nowhere"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := runCheck(t, c.environ, c.args...)
			if code != c.code || !strings.Contains(errs, c.want) || out != "" || strings.Count(errs, "\n") != 1 {
				t.Errorf("code %d, expected %d with %q in one line\n%s%s", code, c.code, c.want, out, errs)
			}
		})
	}
}

// TestCheckModelFolder follows a model.yaml of the user's own: an example row in
// it is asked for, and a changed name expected.
func TestCheckModelFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"model.onnx", "model.yaml"} {
		data, err := os.ReadFile(filepath.Join("kodata/models/heart-disease/1", name))
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.Replace(data, []byte("name: heart-disease\n"), []byte("name: own\n"), 1)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, "MODEL="+dir)
	if code, out, errs := runCheck(t, []string{"MODEL=" + dir}, "check", p.url); code != 0 || !strings.Contains(out, "model own, version 1") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	if err := os.Remove(filepath.Join(dir, "model.yaml")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runCheck(t, []string{"MODEL=" + dir}, "check", p.url); code != 1 || !strings.Contains(errs, "records no example rows") {
		t.Errorf("without examples: code %d, %s", code, errs)
	}
}

// TestCheckWaits has a server that is not ready twice and then answers, one that
// serves another model, and one that never answers.
func TestCheckWaits(t *testing.T) {
	m, err := artefact.Load("kodata/models/heart-disease/1", artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t)
	asked := 0
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		forward(w, r, p.url)
	}))
	defer late.Close()
	if err := check(t.Context(), checkTimes{time.Minute, time.Millisecond}, m, late.URL, io.Discard); err != nil || asked != 2+len(m.Examples) {
		t.Errorf("%d requests, %v", asked, err)
	}
	for _, labels := range []artefact.Labels{{Name: "hearts"}, {Version: "2"}} {
		wrong, err := artefact.Load("kodata/models/heart-disease/1", labels)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("row 1: model %q, version %q answers, expected %q, version %q", m.Name, m.Version, wrong.Name, wrong.Version)
		if err := check(t.Context(), checkTimes{10 * time.Millisecond, time.Millisecond}, wrong, p.url, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("another model's server: %v, expected %s", err, want)
		}
	}
	never := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer never.Close()
	if err := check(t.Context(), checkTimes{10 * time.Millisecond, time.Millisecond}, m, never.URL, io.Discard); err == nil || !strings.Contains(err.Error(), "status 503") {
		t.Errorf("a server that is never ready: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := check(ended, checkTimes{time.Minute, time.Minute}, m, never.URL, io.Discard); err == nil {
		t.Error("an ended context goes on waiting")
	}
}

func forward(w http.ResponseWriter, r *http.Request, base string) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		var got reply
		if got, err = do(http.DefaultClient, r.Method, base+r.URL.Path, r.Header.Get("Content-Type"), string(body)); err == nil {
			_, err = io.WriteString(w, got.body)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// TestCheckCompares has answers that are wrong in one place each.
func TestCheckCompares(t *testing.T) {
	m, err := artefact.Load("kodata/models/heart-disease/1", artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	m.Examples = m.Examples[:1]
	ex := m.Examples[0]
	label, other := m.Classes[ex.Class].Label, m.Classes[1-ex.Class].Label
	probabilities := func(off float64) string {
		return fmt.Sprintf(`"probabilities":{%q:%v,%q:%v}`, m.Classes[0].Name, ex.Probabilities[0]+off, m.Classes[1].Name, ex.Probabilities[1]-off)
	}
	const head = `{"model":"heart-disease","version":"1","predictions":`
	for _, c := range []struct{ answer, want string }{
		{head + `[{"label":` + label + `,` + probabilities(9e-6) + `}]}`, ""},
		{head + `[{"label":` + label + `,` + probabilities(2e-5) + `}]}`, "is not the recorded"},
		{head + `[{"label":` + other + `,` + probabilities(0) + `}]}`, "the label is " + other},
		{head + `[{` + probabilities(0) + `}]}`, "the label is , recorded"},
		{head + `[{"label":` + label + `}]}`, "is not the recorded"},
		{head + `[{"label":` + label + `,"probabilities":{"a":null}}]}`, "is not the recorded"},
		{head + `[]}`, "0 predictions for one row"},
		{head + `[{},{}]}`, "2 predictions for one row"},
		{head + `["x"]}`, "the prediction"},
		{`{"predictions":[{}]}`, `model "", version "" answers`},
		{`<html>`, "the answer"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, err := io.WriteString(w, c.answer); err != nil {
				t.Error(err)
			}
		}))
		err := check(t.Context(), checkTimes{0, time.Millisecond}, m, s.URL, io.Discard)
		s.Close()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", c.answer, err, c.want)
		}
	}
}
