package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const heart = "../function/kodata/models/heart-disease/1"

// program is the built binary, which TestMain makes.
var program string

func TestMain(m *testing.M) {
	code, err := withProgram(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withProgram(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "oinf")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program = filepath.Join(dir, "oinf")
	build := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// A result is what a run of the program gave.
type result struct {
	stdout, stderr string
	code           int
}

// execute runs the program on an input.
func execute(t *testing.T, stdin io.Reader, args ...string) result {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	c.Stdin = stdin
	return finish(t, c)
}

func finish(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// The table of one patient, in all of the forms below.
const (
	header  = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal"
	patient = "63,1,1,145,233,1,2,150,0,2.3,3,0,6"
	array   = `[63,1,1,145,233,1,2,150,0,2.3,3,0,"6"]`
	object  = `{"age":63,"sex":1,"cp":1,"trestbps":145,"chol":233,"fbs":1,"restecg":2,"thalach":150,"exang":0,"oldpeak":2.3,"slope":3,"ca":0,"thal":"6"}`

	answers  = "label,class,probability_no disease,probability_disease\n"
	answer   = "0,no disease,0.64071804,0.35928193\n"
	answered = `"label":0,"class":"no disease","probabilities":{"no disease":0.64071804,"disease":0.35928193}}` + "\n"
	unknown  = "0,no disease,0.81604636,0.18395364\n" // without ca and thal
)

func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }

func changed(old, change string) string { return strings.Replace(patient, old, change, 1) }

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestColumns: a model that does not name its columns is told which they are.
func TestColumns(t *testing.T) {
	const model = golden + "/sk_iforest/model.onnx"
	const want = "label,scores\n1,0.06105715\n"
	in := lines("target,a,b,c,d", "x,4.8,3.4,1.6,0.2")
	named := []string{"predict", model, "-quiet", "-columns", "a, b,c,d"}
	if got := execute(t, strings.NewReader(in), named...); got.code != 0 || got.stdout != want {
		t.Errorf("CSV: exit %d, %s%s", got.code, got.stdout, got.stderr)
	}
	object := `{"d":0.2,"c":1.6,"b":3.4,"a":4.8}` + "\n"
	if got := execute(t, strings.NewReader(object), append(named, "-out-format", "csv")...); got.code != 0 || got.stdout != want {
		t.Errorf("JSON lines: exit %d, %s%s", got.code, got.stdout, got.stderr)
	}
	for args, want := range map[string]string{
		"":                              "the header lacks \"X_0\", \"X_1\", \"X_2\", \"X_3\"; it has \"target\", \"a\", \"b\", \"c\", \"d\" (-columns NAMES says which columns the features are, in the model's order)",
		"-columns a,b":                  "-columns: expected 4 names, one for each feature of the model, got 2",
		"-columns a,b,c,c":              "expected the names of 4 columns, each another",
		"-columns a,b,c,e":              "the header lacks \"e\"; it has",
		"-columns a,b,c,d -by-position": "-columns finds columns by name",
	} {
		got := execute(t, strings.NewReader(in), append([]string{"predict", model}, strings.Fields(args)...)...)
		if got.code == 0 || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit %d, %s", args, got.code, got.stderr)
		}
	}
}

// TestCommands: what is no run on rows.
func TestCommands(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string // parts
	}{
		{"", 2, "", "oinf predict MODEL"},
		{"help", 0, "oinf inspect MODEL", ""},
		{"-h", 0, "oinf predict MODEL", ""},
		{"help predict", 0, "oinf predict MODEL [ROWS]: score the rows of a file", ""},
		{"predict -h", 0, "  -skip-bad ", ""},
		{"inspect -h", 0, "oinf inspect MODEL: tell what a model is", ""},
		{"version -h", 0, "  none\n", ""},
		{"version", 0, "oinf ", ""},
		{"--version", 0, " go1.", ""},
		{"version 2", 2, "", "usage: oinf version"},
		{"predct", 2, "", `unknown command "predct", expected `},
		{"inspect", 2, "", "usage: oinf inspect MODEL"},
		{"inspect nowhere.onnx", 2, "", "cannot load model: stat nowhere.onnx: no such file or directory"},
		{"inspect ../README.md", 2, "", "the content is of no format that is known"},
		{"inspect ../engine", 2, "", "holds no model file"},
		{"predict ../README.md", 2, "", "the content is of no format that is known"},
		{"predict nowhere.onnx x.csv", 2, "", "no such file or directory"},
		{"inspect " + heart + "/model.onnx -json", 0, `"name": "model"`, ""},
		{"inspect -json -- " + heart, 0, `"version": "1"`, ""},
	} {
		got := execute(t, nil, strings.Fields(c.args)...)
		if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) || (got.stderr == "") != (c.stderr == "") {
			t.Errorf("%s: exit %d, expected %d\nout %s\nerr %s", c.args, got.code, c.code, got.stdout, got.stderr)
		}
	}
}

// TestFiles: an output file appears when it is complete, and rejected rows can be
// scored again.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(name, want string) {
		t.Helper()
		if got, err := os.ReadFile(at(name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, expected %q, %v", name, got, want, err)
		}
	}
	run := func(code int, args ...string) result {
		t.Helper()
		got := execute(t, nil, append([]string{"predict", heart}, args...)...)
		if got.code != code {
			t.Errorf("%v: exit %d, expected %d: %s", args, got.code, code, got.stderr)
		}
		return got
	}
	put("rows.csv", lines(header, patient, changed("63", "x"), patient))
	put("out.csv", "old")
	run(1, at("rows.csv"), "-o", at("out.csv"))
	holds("out.csv", "old")
	run(0, at("rows.csv"), "-o", at("out.csv"), "-skip-bad", "-rejects", at("bad.csv"))
	holds("out.csv", answers+answer+answer)
	holds("bad.csv", lines(header, changed("63", "x")))
	if got := run(2, at("rows.csv"), "-o", at("rows.csv")); !strings.Contains(got.stderr, "is the file of the rows") {
		t.Error(got.stderr)
	}
	run(2, at("rows.csv"), "-o", at("x"), "-skip-bad", "-rejects", at("x"))
	run(2, at("rows.csv"), "-o", dir)
	put("rows.jsonl", lines(object))
	run(0, at("rows.jsonl"), "-o", at("out.csv.gz"))
	if got := run(0, at("rows.jsonl"), "-o", "/dev/stdout"); got.stdout != "{"+answered {
		t.Errorf("to /dev/stdout: %q", got.stdout)
	}
	if err := os.Symlink(at("out.csv"), at("link.csv")); err != nil {
		t.Fatal(err)
	}
	run(0, at("rows.jsonl"), "-o", at("link.csv"))
	holds("out.csv", answers+answer)
	holds("link.csv", answers+answer)
	run(1, at("rows.jsonl"), "-o", at("no/out.csv"))
	f, err := os.Open(at("out.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || string(got) != answers+answer {
		t.Errorf("out.csv.gz holds %q, %v", got, err)
	}
	left, err := filepath.Glob(at(".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestRefusedValues: rows with values that the model itself refuses are bad rows
// like others, among those that are bad for other reasons.
func TestRefusedValues(t *testing.T) {
	const model = golden + "/xgb_cat_strings/model.json"
	rejects := filepath.Join(t.TempDir(), "rejects.csv")
	in := lines("income,debt,age,city,job", "30.5,11.2,41,Lyon,nurse", "80,7,33,Lyon,pilot", "1,2,3", "80,,33,,clerk", "1,2,3,Atlantis,nurse", "x,2,3,Lyon,nurse", "30.5,11.2,41,Lyon,nurse")
	got := execute(t, strings.NewReader(in), "predict", model, "-skip-bad", "-rejects", rejects)
	want := `oinf: standard input, line 3, column "job": expected one of "clerk", "driver", "nurse", "teacher" or null, got "pilot"
oinf: standard input, line 4: expected 5 cells, as many as the header has, got 3
oinf: standard input, line 6, column "city": "Atlantis" is no category of column "city"
oinf: standard input, line 7, column "income": expected a number or null, got "x"
oinf: 3 rows scored, 4 left out (they are in ` + rejects + `)
`
	const nurse, clerk = "1,0.4066398,0.5933602\n", "1,0.06836265,0.93163735\n"
	if got.code != 0 || got.stderr != want || got.stdout != "label,probability_0,probability_1\n"+nurse+clerk+nurse {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	left, err := os.ReadFile(rejects)
	if all := strings.SplitAfter(in, "\n"); err != nil || string(left) != all[0]+all[2]+all[3]+all[5]+all[6] {
		t.Errorf("rejected: %s, %v", left, err)
	}
	got = execute(t, strings.NewReader(in), "predict", model)
	if got.code != 1 || got.stdout != "label,probability_0,probability_1\n"+nurse || !strings.Contains(got.stderr, "line 3, column \"job\"") {
		t.Errorf("without -skip-bad: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// TestManyBad: of very many bad rows the first are listed, and all are counted.
func TestManyBad(t *testing.T) {
	in := header + "\n" + strings.Repeat("1,2\n", 5000) + patient + "\n"
	got := execute(t, strings.NewReader(in), "predict", heart, "-skip-bad")
	if n := strings.Count(got.stderr, "expected 13 cells"); got.code != 0 || n != 100 || got.stdout != answers+answer ||
		!strings.HasSuffix(got.stderr, "oinf: and 4900 more\noinf: 1 row scored, 5000 left out (-rejects FILE keeps them)\n") {
		t.Errorf("exit %d, %d listed: %s", got.code, n, got.stderr)
	}
}

// TestServerApart: nothing of this program is in the server.
func TestServerApart(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../function").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "online-inference/function/artefact") {
		t.Fatalf("the list of imports is %v", deps)
	}
	for _, dep := range deps {
		if strings.HasPrefix(dep, "online-inference/oinf") || dep == "golang.org/x/term" {
			t.Errorf("function imports %s", dep)
		}
	}
}

// TestInterrupt: ctrl-c ends a run that waits for rows; what it has answered is
// whole, and an unfinished file is gone.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	for _, to := range []string{"", filepath.Join(dir, "out.csv")} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		args := []string{"predict", heart}
		if to != "" {
			args = append(args, "-o", to)
		}
		c := exec.CommandContext(ctx, program, args...)
		stdin, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		var stderr bytes.Buffer
		c.Stderr = &stderr
		stdout, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		table := header + "\n" + strings.Repeat(patient+"\n", 200_000) // more than the program holds at a time
		written := make(chan error, 1)
		go func() {
			_, err := io.WriteString(stdin, table)
			written <- err
		}()
		got := make([]byte, len(answers)+20_000*len(answer))
		if to == "" {
			if _, err := io.ReadFull(stdout, got); err != nil {
				t.Fatal(err)
			}
		} else {
			waitFor(t, func() bool {
				partial, err := filepath.Glob(filepath.Join(dir, ".out.csv.*.partial"))
				return err == nil && len(partial) == 1
			})
		}
		cancel()
		rest, err := io.ReadAll(stdout)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err == nil {
			t.Error("it ends as if all were done")
		}
		if err := <-written; err == nil && to == "" {
			t.Error("it took all rows")
		}
		if code := c.ProcessState.ExitCode(); code != 130 || stderr.String() != "oinf: interrupted: context canceled\n" {
			t.Errorf("exit %d: %s", code, stderr.String())
		}
		if got = append(got, rest...); to == "" && !bytes.HasSuffix(got, []byte(answer)) {
			t.Errorf("the last line is not whole: %q", got[len(got)-50:])
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// TestBrokenPipe: a reader that has seen enough ends the program without a word.
func TestBrokenPipe(t *testing.T) {
	script := `{ echo '` + header + `'; for i in {1..200000}; do echo '` + patient + `'; done; } | "$0" predict ` + heart + ` | head -2; echo "${PIPESTATUS[1]}"`
	got := finish(t, exec.CommandContext(t.Context(), "bash", "-c", script, program))
	if want := answers + answer + "141\n"; got.stdout != want || strings.Contains(got.stderr, "oinf") {
		t.Errorf("got %q, %s", got.stdout, got.stderr)
	}
}
