//go:build e2e

// Package page opens the server's page in a real browser: it loads, is filled and
// submitted by keyboard, shows answers and errors, and reads well in light and dark.
package page

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"online-inference/lab/e2e/process"
)

// root is the checkout.
const root = "../../.."

// serve starts the function and returns its address.
func serve(t *testing.T) string { return process.Start(t, process.Build(t, root), root).URL }

var update = flag.Bool("update", false, "write the screenshots to docs/img")

// watched is what the browser had to say while the page was open.
type watched struct {
	mu    sync.Mutex
	hosts []string // that it asked
	wrong []string // errors of scripts, of the security policy, of the network
}

func (w *watched) note(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" {
			w.hosts = append(w.hosts, u.Host)
		}
	case *runtime.EventExceptionThrown:
		w.wrong = append(w.wrong, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		// A refused row is an answer of 400, which the browser calls an error.
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "status of 400") {
			w.wrong = append(w.wrong, e.Entry.Text)
		}
	}
}

// open starts a browser at an address.
func open(t *testing.T, address string) (context.Context, *watched) {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: apt-get install chromium", err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.NoSandbox, // the tests' own page, as root
		chromedp.WindowSize(1000, 1200),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	w := &watched{}
	if err := chromedp.Listen(ctx, w.note); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	call(ctx, t, network.Enable, network.EnableParams{})
	call(ctx, t, log.Enable, cdp.Empty{})
	do(ctx, t, chromedp.Navigate(address), chromedp.WaitVisible("#row"))
	return ctx, w
}

func do(ctx context.Context, t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// get runs an action for its value.
func get[T any](ctx context.Context, t *testing.T, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// call runs a command of the browser's protocol.
func call[P, R any](ctx context.Context, t *testing.T, cmd cdp.Command[P, R], params P) R {
	t.Helper()
	r, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text waits until an element says something that holds a word, and returns it.
func text(ctx context.Context, t *testing.T, id, word string) string {
	t.Helper()
	condition := fmt.Sprintf("document.getElementById(%q).textContent.includes(%q)", id, word)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Fatalf("#%s does not say %q: %v\n%s", id, word, err, get(ctx, t, chromedp.Text("body")))
	}
	return get(ctx, t, chromedp.TextContent("#"+id))
}

// meters gives the share of each bar of the answer that is filled, of those that
// take room on the screen.
const meters = `Object.fromEntries([...document.querySelectorAll("#answer meter")]
  .filter((e) => e.getBoundingClientRect().width > 20 && e.getBoundingClientRect().height > 2)
  .map((e) => [e.getAttribute("aria-label"), ((100 * (e.value - e.min)) / (e.max - e.min)).toFixed(1)]))`

// TestPage fills and submits the form as a person does, and looks at what it says.
func TestPage(t *testing.T) {
	address := serve(t)
	ctx, seen := open(t, address)

	do(ctx, t, chromedp.Focus("#f-age"), chromedp.KeyEvent(kb.Enter))
	got := text(ctx, t, "answer", "Answered by")
	for _, want := range []string{"no disease: 64.1 %", "disease: 35.9 %", "by heart-disease version 1", "revision a-revision", "pod a-pod"} {
		if !strings.Contains(got, want) {
			t.Errorf("the answer does not say %q:\n%s", want, got)
		}
	}
	drawn := map[string]string{"probability of no disease": "64.1", "probability of disease": "35.9"}
	if diff := cmp.Diff(drawn, get(ctx, t, chromedp.Evaluate[map[string]string](meters))); diff != "" {
		t.Errorf("the probabilities drawn, in percent of the bar (-want +got):\n%s", diff)
	}
	if got := text(ctx, t, "latency-text", "ms from this browser"); strings.Contains(got, "median") {
		t.Errorf("one request has no median: %s", got)
	}

	do(ctx, t, chromedp.SetValue("#f-age", "79"), chromedp.Focus("#f-age"), chromedp.KeyEvent(kb.Enter))
	text(ctx, t, "answer", "Note: age 79 is outside the training range")
	text(ctx, t, "latency-text", "median of the last 2")

	do(ctx, t, chromedp.SetValue("#f-age", "old"), chromedp.Focus("#f-age"), chromedp.SendKeys("#f-age", "er"), chromedp.KeyEvent(kb.Enter))
	if got := text(ctx, t, "problem", "older"); !strings.Contains(got, "age") || !strings.Contains(got, "expected a number from 0 to 120") {
		t.Errorf("the problem is told as %q", got)
	}
	if got := text(ctx, t, "curl", "older"); !strings.Contains(got, address+"/predict") {
		t.Errorf("the curl line is %s", got)
	}

	// A recorded row with a missing value.
	do(ctx, t, chromedp.Focus("#example"), chromedp.SendKeys("#example", kb.ArrowDown+kb.ArrowDown), chromedp.Click("button[type=submit]"))
	text(ctx, t, "answer", "no disease: 96.1 %")
	text(ctx, t, "curl", `"ca":null`)

	seen.mu.Lock()
	defer seen.mu.Unlock()
	if len(seen.wrong) > 0 {
		t.Errorf("the browser complains: %v", seen.wrong)
	}
	for _, host := range seen.hosts {
		if "http://"+host != address {
			t.Errorf("the page asks another host: %s", host)
		}
	}
	if len(seen.hosts) < 5 {
		t.Errorf("only %d requests were seen", len(seen.hosts))
	}
}

// TestCurlLine runs the command that the page shows.
func TestCurlLine(t *testing.T) {
	ctx, _ := open(t, serve(t))
	line := get(ctx, t, chromedp.TextContent("#curl"))
	out, err := exec.CommandContext(t.Context(), "bash", "-c", line+" -sS --fail-with-body").CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"no disease":0.640718`) {
		t.Errorf("%s\n%v\n%s", line, err, out)
	}
}

// TestKeyboard walks through the page by the tab key alone.
func TestKeyboard(t *testing.T) {
	ctx, _ := open(t, serve(t))
	want := get(ctx, t, chromedp.Evaluate[[]string](`["example", ...[...document.getElementById("row").elements].map((e) => e.id || e.type)]`))
	if len(want) != 15 {
		t.Fatalf("the form has %v", want)
	}
	for i, id := range want {
		do(ctx, t, chromedp.KeyEvent(kb.Tab))
		if got := get(ctx, t, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.type`)); got != id {
			t.Errorf("tab %d leads to %q, want %q", i+1, got, id)
		}
	}
}

// TestNames: whatever can be operated has a name for a screen reader.
func TestNames(t *testing.T) {
	ctx, _ := open(t, serve(t))
	call(ctx, t, accessibility.Enable, cdp.Empty{})
	nodes := call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes
	operable := 0
	for _, n := range nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		switch role := strings.Trim(string(n.Role.Value), `"`); role {
		case "textbox", "combobox", "button", "link", "img":
			operable++
			if n.Name == nil || strings.Trim(string(n.Name.Value), `" `) == "" {
				t.Errorf("a %s without a name (node %s)", role, n.NodeID)
			}
		}
	}
	if operable < 20 {
		t.Errorf("only %d elements were found", operable)
	}
}

// contrasts gives the contrast of each text with what is behind it, by WCAG 2.
const contrasts = `(() => {
  const parts = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => {
    const [r, g, b] = parts(c).slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if ((parts(c)[3] ?? 1) > 0) return c;
    }
    return "rgb(255, 255, 255)";
  };
  return Object.fromEntries(["h1", "p", ".who", ".hint", "a", "button", "code", "caption", "#problem p"].map((s) => {
    const e = document.querySelector(s);
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return [s, (a + 0.05) / (b + 0.05)];
  }));
})()`

// TestLook takes the page's picture in light and dark, and measures whether its
// texts can be read.
func TestLook(t *testing.T) {
	ctx, _ := open(t, serve(t))
	for _, scheme := range []string{"light", "dark"} {
		call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		do(ctx, t, chromedp.SetValue("#f-age", "x"), chromedp.Click("button[type=submit]"))
		text(ctx, t, "problem", "age")
		found := get(ctx, t, chromedp.Evaluate[map[string]float64](contrasts))
		do(ctx, t, chromedp.SetValue("#f-age", "63"), chromedp.Click("button[type=submit]"))
		text(ctx, t, "answer", "Answered by")
		picture := get(ctx, t, chromedp.FullScreenshot(100))
		for what, ratio := range found {
			if ratio < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f, want at least 4.5", scheme, what, ratio)
			}
		}
		if len(found) != 9 || len(picture) < 50_000 {
			t.Errorf("%s: contrasts %v, picture of %d bytes", scheme, found, len(picture))
		}
		if *update {
			name := map[string]string{"light": "page.png", "dark": "page-dark.png"}[scheme]
			if err := os.WriteFile(filepath.Join(root, "docs/img", name), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
