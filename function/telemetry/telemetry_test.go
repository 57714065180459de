package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestRequestID(t *testing.T) {
	for _, given := range []string{"a", "req-1_2.3:4/5+6=", strings.Repeat("x", maxRequestID)} {
		if got := RequestID(given); got != given {
			t.Errorf("%q became %q", given, got)
		}
	}
	seen := map[string]bool{}
	for _, given := range []string{"", " ", "a b", "a\nb", "ä", `"`, "<script>", "a,b", strings.Repeat("x", maxRequestID+1)} {
		got := RequestID(given)
		if len(got) != 32 || strings.Trim(got, "0123456789abcdef") != "" || seen[got] {
			t.Errorf("%q became %q", given, got)
		}
		seen[got] = true
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1, "off": 0} {
		var b bytes.Buffer
		log := NewLogger(&b, level, "json")
		log.Debug().Msg("d")
		log.Info().Msg("i")
		log.Warn().Msg("w")
		log.Error().Msg("e")
		if got := strings.Count(b.String(), "\n"); got != want {
			t.Errorf("%s: %d lines, expected %d", level, got, want)
		}
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, "info", "text")
	log.Info().Str("key", "value").Msg("hello")
	if got := b.String(); !strings.Contains(got, "INF hello key=value") || strings.Contains(got, "\x1b") {
		t.Errorf("got %q", got)
	}
}

// TestRequestLine: a server's fault is an error in the log, a client's is none,
// and where the level is above, nothing is written.
func TestRequestLine(t *testing.T) {
	for status, level := range map[int]string{200: "info", 400: "info", 503: "error"} {
		var b bytes.Buffer
		log := NewLogger(&b, "info", "json")
		r := Request{ID: "i", Method: "POST", Path: "/p", Route: "/r", Status: status, Duration: 1500 * time.Microsecond, Rows: 2, BytesIn: 3, BytesOut: 4, Model: "m", Version: "v"}
		r.Log(&log)
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["level"] != level || got["duration_ms"] != 1.5 || got["status"] != float64(status) || got["rows"] != 2.0 || got["time"] == nil {
			t.Errorf("got %s", b.String())
		}
	}
	var b bytes.Buffer
	log := NewLogger(&b, "off", "json")
	(&Request{Status: 200}).Log(&log)
	if b.Len() > 0 {
		t.Errorf("got %s", b.String())
	}
}

func TestStages(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, "info", "json")
	s := NewStages(2 * time.Millisecond)
	time.Sleep(3 * time.Millisecond)
	s.Done("one")
	s.Done("two")
	e := log.Info()
	s.Log(e)
	e.Send()
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	one, two, sum := got["one_ms"].(float64), got["two_ms"].(float64), got["start_ms"].(float64)
	if got["runtime_ms"] != 2.0 || one < 3 || two < 0 || sum < 2+one+two-0.01 || sum > 2+one+two+0.01 {
		t.Errorf("got %s", b.String())
	}
}

// TestProcessTime: the process has used some time, and less than it has existed.
func TestProcessTime(t *testing.T) {
	first := ProcessTime()
	for began := time.Now(); time.Since(began) < 20*time.Millisecond; {
		continue
	}
	if d := ProcessTime() - first; first <= 0 || d <= 0 || d > time.Minute {
		t.Errorf("%v, then %v more", first, d)
	}
}
