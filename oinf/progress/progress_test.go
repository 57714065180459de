package progress

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// TestState: what is shown of a moment, in the room that there is.
func TestState(t *testing.T) {
	for _, c := range []struct {
		s         state
		width     int
		line, bar string
	}{
		{state{1_234_567, 0, 0, 10 * time.Second}, 80, "1,234,567 rows, 123,456 rows/s", "1,234,567 rows, 123,456 rows/s"},
		{state{500, 50, 200, 2 * time.Second}, 80, "25 %, 500 rows, 250 rows/s, 6.0 s left", "[======                  ] 25 %, 500 rows, 250 rows/s, 6.0 s left"},
		{state{500, 50, 200, 2 * time.Second}, 60, "25 %, 500 rows, 250 rows/s, 6.0 s left", "25 %, 500 rows, 250 rows/s, 6.0 s left"},
		{state{500, 50, 200, 2 * time.Second}, 11, "25 %, 500 rows, 250 rows/s, 6.0 s left", "25 %, 500 "},
		{state{500, 50, 200, 2 * time.Second}, 0, "25 %, 500 rows, 250 rows/s, 6.0 s left", ""},
		{state{900, 200, 200, time.Minute}, 80, "100 %, 900 rows, 15 rows/s", "[========================] 100 %, 900 rows, 15 rows/s"},
		{state{900, 201, 200, time.Minute}, 80, "100 %, 900 rows, 15 rows/s", "[========================] 100 %, 900 rows, 15 rows/s"},
		{state{0, 0, 200, 0}, 80, "0 %, 0 rows, 0 rows/s", "[                        ] 0 %, 0 rows, 0 rows/s"},
		{state{10, 1, 1000, time.Minute}, 80, "0 %, 10 rows, 0 rows/s, 17 h left", "[                        ] 0 %, 10 rows, 0 rows/s, 17 h left"},
	} {
		if got := c.s.line(); got != strings.Replace(c.line, "17 h", "16.6 h", 1) {
			t.Errorf("%+v: %q, expected %q", c.s, got, c.line)
		}
		if got := c.s.bar(c.width); got != strings.Replace(c.bar, "17 h", "16.6 h", 1) {
			t.Errorf("%+v in %d columns: %q, expected %q", c.s, c.width, got, c.bar)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 9940 * time.Millisecond: "9.9 s", 59 * time.Second: "59 s", 119 * time.Second: "119 s", 3 * time.Minute: "3 min", 3 * time.Hour: "3.0 h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is written %q, expected %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 12345678: "12,345,678"} {
		if got := count(n); got != want {
			t.Errorf("%d is written %q, expected %q", n, got, want)
		}
	}
}

// A recorder is a screen that tells when something appears.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
	seen chan struct{}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(p)
	select {
	case r.seen <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// TestMeter: both styles while something runs, and nothing of a short run.
func TestMeter(t *testing.T) {
	for _, bar := range []bool{true, false} {
		r := &recorder{seen: make(chan struct{}, 1)}
		m := New(100)
		m.Rows.Add(7)
		m.Bytes.Add(50)
		m.Show(Style{Out: r, Bar: bar, Width: func() int { return 30 }, Patience: time.Millisecond, Every: time.Millisecond})
		<-r.seen
		<-r.seen
		if !m.Stop() {
			t.Error("it says that nothing was shown")
		}
		got := r.String()
		if bar && (!strings.HasPrefix(got, "\r50 %, 7 rows, ") || !strings.HasSuffix(got, "\r\x1b[K") || strings.Contains(got, "\n")) {
			t.Errorf("the bar is %q", got)
		}
		if !bar && (!strings.HasPrefix(got, "50 %, 7 rows, ") || !strings.HasSuffix(got, "left\n") || strings.Contains(got, "\r")) {
			t.Errorf("the lines are %q", got)
		}
		if s := m.Summary(); !strings.HasPrefix(s, "7 rows in ") || !strings.HasSuffix(s, " rows/s") {
			t.Errorf("the summary is %q", s)
		}
	}
	r := &recorder{seen: make(chan struct{}, 1)}
	for _, s := range []Style{{}, Bar(r, nil), Lines(r)} {
		m := New(0)
		m.Show(s)
		if m.Stop() || r.String() != "" {
			t.Errorf("a short run shows %q", r.String())
		}
	}
}
