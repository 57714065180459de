package main

import (
	"os"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	text, err := os.ReadFile("../../../knative/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := check(text); n < 20 || err != nil {
		t.Errorf("%d expressions, %v", n, err)
	}
	for text, want := range map[string]string{
		"{":             "unexpected end",
		`{"panels":[]}`: "no expressions",
		`{"panels":[{"title":"a","targets":[{"expr":"sum(rate(x[$__rate_interval])"}]}]}`: `panel "a"`,
		`{"panels":[{"title":"a","targets":[{"expr":"rate(x)"}]}]}`:                       "expected type range vector",
	} {
		if _, err := check([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %q", text, err, want)
		}
	}
}
