package record

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 5e6, time.UTC)
	exit := int32(137)
	lines := []Line{
		{T: 10, Mark: &Mark{Name: MarkTrigger, Text: "kubectl apply -f a<b.yaml"}},
		{T: 20, Pod: &Pod{Name: "p", UID: "u", Version: "v1", Phase: "Running", Ready: true, Created: -3000,
			Containers: []Container{{Name: "c", Image: "i:v1", State: "waiting", LastExit: &exit, Restarts: 2}}}},
		{T: 30, Endpoints: &Endpoints{Service: "s", Ready: []string{"p"}}},
		{T: 5, Request: &Request{Client: "share", Status: 200, Micros: 900, Version: "v1", Pod: "p"}},
		{T: 40, End: &End{}},
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Experiment: "x", Family: "rollouts", Run: 1, Manifests: map[string]string{"a.yaml": "00"}}, start)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if err := w.Put(start.Add(time.Duration(line.T)*time.Millisecond), line); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	want := &Run{Header: Header{Experiment: "x", Family: "rollouts", Run: 1, Started: "2026-11-22T10:00:00.005Z",
		Manifests: map[string]string{"a.yaml": "00"}}, Lines: lines}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	header := `{"t":0,"header":{"experiment":"x","family":"f","run":1,"started":"","manifests":null}}` + "\n"
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":         {"", "no end"},
		"cut short":       {header + `{"t":1,"mark":{"name":"trigger"}}`, "no end"},
		"no header":       {`{"t":1,"end":{}}`, "line 1: it is no header"},
		"two headers":     {header + header, "line 2: a second header"},
		"after the end":   {header + `{"t":1,"end":{}}` + "\n" + `{"t":1,"end":{}}`, "line 3: it follows the end"},
		"unknown field":   {header + `{"t":1,"pods":{}}`, `unknown field "pods"`},
		"not JSON":        {header + `t`, "line 2"},
		"an endless line": {header + strings.Repeat(" ", MaxLine+1), "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(strings.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
