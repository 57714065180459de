package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/oinf/conform/checks"
)

// check runs the tool as its user does and returns its report.
func check(t *testing.T, args ...string) *report {
	t.Helper()
	var out, errs bytes.Buffer
	err := Run(t.Context(), append([]string{"-json"}, args...), &out, &errs)
	var coded *exitError
	if err != nil && (!errors.As(err, &coded) || coded.code != exitFailed) {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// One model of every format. All together leave one check without a subject: it is
// for servers without the binary extension.
func TestOursPasses(t *testing.T) {
	table, err := checks.Load()
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	reports := map[string]*report{
		"heart": check(t, "-example", "testdata/heart.json", heart(t)),
		"echo":  check(t, echo(t)),
	}
	for _, file := range []string{"xgb_binary/model.json", "xgb_cat_strings/model.ubj", "lgb_reg_double/model.txt", "cb_onehot_cat/model.json"} {
		reports[file] = check(t, serve(t, "MODEL=../../engine/testdata/golden/"+file))
	}
	for name, r := range reports {
		for _, res := range r.Results {
			if res.Outcome == Failed {
				t.Errorf("%s: %s: %s\nsent: %s\ngot: %s", name, res.ID, res.Reason, res.Request, res.Response)
			}
			if res.Outcome == NotApplicable {
				left[res.ID]++
			}
		}
		total := 0
		for _, g := range table.Groups {
			total += len(g.Checks)
		}
		if len(r.Results) != total {
			t.Errorf("%s: %d results for %d checks", name, len(r.Results), total)
		}
	}
	var never []string
	for id, n := range left {
		if n == len(reports) {
			never = append(never, id)
		}
	}
	if diff := cmp.Diff([]string{"binary-unadvertised"}, never); diff != "" {
		t.Errorf("checks that apply to no model (-want +got):\n%s", diff)
	}
}

// targetOf probes a server, as Run does.
func targetOf(t *testing.T, url, example string) *target {
	t.Helper()
	tg, err := newTarget(&options{url: url, timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	if example != "" {
		if text, err = os.ReadFile(example); err != nil {
			t.Fatal(err)
		}
	}
	if err := tg.probe(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.close(); tg.client.CloseIdleConnections() })
	return tg
}

// runOn runs the wanted checks against a deviant server that is on.
func runOn(t *testing.T, d *deviant, tg *target, wanted func(*checks.Check) bool) []Result {
	t.Helper()
	table, err := checks.Load()
	if err != nil {
		t.Fatal(err)
	}
	d.on.Store(true)
	defer d.on.Store(false)
	results, err := tg.all(t.Context(), table, wanted, func(Result) {})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// passing are the checks that a deviant server passes and should not.
func passing(results []Result) []string {
	var all []string
	for _, r := range results {
		if r.Outcome == Passed {
			all = append(all, r.ID)
		}
	}
	return all
}

// A server that always fails passes nothing, on REST and on gRPC: no check is
// content with whatever comes.
func TestNothingPassesAServerThatFails(t *testing.T) {
	for name, model := range map[string]func(*testing.T) (string, string){
		"heart": func(t *testing.T) (string, string) { return heart(t), "testdata/heart.json" },
		"echo":  func(t *testing.T) (string, string) { return echo(t), "" },
	} {
		t.Run(name, func(t *testing.T) {
			url, example := model(t)
			d := deviate(t, url, true, func(r *reply) {
				if r.grpc() {
					r.status, r.header = http.StatusOK, http.Header{"Content-Type": {"application/grpc"}, "Grpc-Status": {"2"}}
					return
				}
				r.status, r.header, r.body = http.StatusInternalServerError, http.Header{"Content-Type": {"application/json"}}, []byte(`{"error":"no"}`)
			})
			results := runOn(t, d, targetOf(t, d.url, example), func(*checks.Check) bool { return true })
			if p := passing(results); len(p) > 0 {
				t.Errorf("%d checks pass: %q", len(p), p)
			}
		})
	}
}

// A server that answers whatever it is asked, well or with an empty object, passes
// no check that wants a refusal or something in the answer.
func TestRefusalsAndContentAreChecked(t *testing.T) {
	url := heart(t)
	plain := targetOf(t, url, "testdata/heart.json")
	root, err := plain.valid(1)
	if err != nil {
		t.Fatal(err)
	}
	a := plain.post(context.Background(), root)
	content := func(body []byte) func(r *reply) {
		return func(r *reply) {
			r.status = http.StatusOK
			if r.grpc() {
				r.header, r.trailer = http.Header{"Content-Type": {"application/grpc"}}, http.Header{"Grpc-Status": {"0"}}
				r.body = make([]byte, 5)
				return
			}
			r.header, r.body = http.Header{"Content-Type": {"application/json"}}, body
		}
	}
	yes := deviate(t, url, true, content(a.body))
	refusal := func(c *checks.Check) bool {
		return !slices.Contains(c.Status, "200") && !slices.Contains(c.Status, "2xx") && !slices.Contains(c.Code, "OK")
	}
	if p := passing(runOn(t, yes, targetOf(t, yes.url, "testdata/heart.json"), refusal)); len(p) > 0 {
		t.Errorf("a server that refuses nothing passes %q", p)
	}
	empty := deviate(t, url, true, content([]byte("{}")))
	filled := func(c *checks.Check) bool { return !refusal(c) && len(c.Expect) > 0 }
	p := passing(runOn(t, empty, targetOf(t, empty.url, "testdata/heart.json"), filled))
	// These want no more than JSON, a header, no body, or what an empty message says.
	want := []string{
		"answer-type", "grpc-model-ready-unknown", "grpc-model-ready-unknown-version", "grpc-same-port", "head-live", "head-metadata", "index-json",
		"model-metadata-properties", "server-metadata-type", "v1-explain", "v1-type",
	}
	slices.Sort(p)
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("checks that an empty answer passes (-want +got):\n%s", diff)
	}
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no URL":        {nil, "usage: oinf oip"},
		"two URLs":      {[]string{"http://a", "http://b"}, "usage: oinf oip"},
		"no scheme":     {[]string{"localhost:8080"}, "is no URL of a server"},
		"unknown flag":  {[]string{"-what", "http://a"}, "flag provided but not defined"},
		"bad pattern":   {[]string{"-only", "(", "http://a"}, "-only"},
		"no such file":  {[]string{"-model", "m", "-example", "no-such-file", "http://127.0.0.1:1"}, "no such file"},
		"no such check": {[]string{"-only", "no-such-check", "-example", "testdata/heart.json", heart(t)}, "no check has such an id"},
		"unreachable":   {[]string{"-model", "m", "http://127.0.0.1:1"}, "cannot check http://127.0.0.1:1"},
	} {
		err := Run(t.Context(), c.args, &bytes.Buffer{}, &bytes.Buffer{})
		var coded interface{ ExitCode() int }
		if !errors.As(err, &coded) || coded.ExitCode() != exitUsage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want code 2 and %q", name, err, c.want)
		}
	}
}

func TestReports(t *testing.T) {
	url := heart(t)
	broken := deviate(t, url, false, func(r *reply) { r.replace(`"live":true`, `"live":false`) })
	broken.on.Store(true)
	junit := t.TempDir() + "/report.xml"
	var out bytes.Buffer
	err := Run(t.Context(), []string{"-only", "^(live|exact-fp64|ready-body)", "-example", "testdata/heart.json", "-junit", junit, broken.url}, &out, &out)
	var coded interface{ ExitCode() int }
	if !errors.As(err, &coded) || coded.ExitCode() != exitFailed {
		t.Errorf("got %v, want code 1", err)
	}
	xml, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	for text, wants := range map[string][]string{
		out.String(): {"failed         live-body", `"live" is false, expected true`, "specification: REST, Server Live", "sent: GET /v2/health/live", "got: 200", "no output that repeats an input of FP64: 1, exact-fp64"},
		string(xml):  {`tests="6" failures="1" skipped="1"`, `name="live-body"`},
	} {
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in\n%s", want, text)
			}
		}
	}
	out.Reset()
	if err := Run(t.Context(), []string{"-list", "-only", "^live"}, &out, &out); err != nil || strings.Count(out.String(), "  live-") != 4 {
		t.Errorf("%v: %s", err, out.String())
	}
}
