package conform

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/oinf/conform/checks"
)

var update = flag.Bool("update", false, "write docs/reference/conformance.md")

const page = "../../docs/reference/conformance.md"

// The page is made of the table, of the tool's help and of the record of runs.
func TestPage(t *testing.T) {
	table, err := checks.Load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/reference/conformance.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs map[string]recorded
	if err := json.Unmarshal(text, &runs); err != nil {
		t.Fatal(err)
	}
	want := document(table, runs)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what it is made of; go test ./oinf/conform -run TestPage -update writes it (-want +got):\n%s", page, diff)
	}
}

// recorded is a run in the record.
type recorded struct {
	Date   string
	Server string
	Counts map[string]map[string]int
	Failed []string
}

func document(table *checks.Table, runs map[string]recorded) string {
	var b strings.Builder
	spec, ours := 0, 0
	for _, g := range table.Groups {
		for _, c := range g.Checks {
			if c.Spec != "" {
				spec++
			} else {
				ours++
			}
		}
	}
	fmt.Fprintf(&b, `# Conformance to the Open Inference Protocol

Made by `+"`go test ./oinf/conform -run TestPage -update`"+` from oinf/conform/checks and conformance.json: change those, not this file.

%d checks hold a server against the specification, %d more against rules of ours, where the specification is silent or leaves a choice. Both are counted apart, and each check names its source.

## Check any server

`+"```sh\ngo run ./oinf oip http://localhost:8080\n```"+`

The tool reads the server's metadata and makes every request for the model that it finds. It needs one request that the server answers: it takes the example of the server's `+"`/openapi.json`"+`, or guesses; `+"`-example FILE`"+` gives one. `+"`-model`"+` and `+"`-version`"+` choose a model, `+"`-grpc HOST:PORT`"+` names another address of gRPC, `+"`-only EXPRESSION`"+` picks checks by their id, `+"`-list`"+` names them, `+"`-json`"+` and `+"`-junit FILE`"+` write reports for programs. The exit code is 0 where all checks passed, 1 where one failed, 2 where the server could not be checked.

A check that has nothing to check is *not applicable*, with the reason: no gRPC, no V1, no binary extension, no input of a datatype. It counts as neither passed nor failed. A rule that the answer to the plain request breaks already is reported by the checks of that rule, and not by every other one again.

At most eight requests are under way at once, and the largest body sent is 64 MiB.

`, spec, ours)
	b.WriteString(changes)
	b.WriteString("## Record\n\n")
	writeRecord(&b, table, runs)
	b.WriteString("\n`make clients` runs the peers and ours again, beside real clients; `-record` writes the record (`go -C lab test -tags e2e ./e2e/clients -run 'Conforms|Deviates' -record`).\n\n## Sources\n\n| name | document |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(table.Documents)) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, table.Documents[name])
	}
	b.WriteString("\n## The table\n\n`{model}`, `{version}`, `{output0}` and their like stand for what the metadata says; `@num` is the first input of numbers, `@FP32` the first of that datatype. A request starts from the valid one in its form (v2 where none is named) and is changed by the edits given.\n")
	for _, g := range table.Groups {
		fmt.Fprintf(&b, "\n### %s\n\n| check | request | accepted | the answer | source |\n|---|---|---|---|---|\n", g.Name)
		for _, c := range g.Checks {
			source := "ours: " + c.Ours
			if c.Spec != "" {
				l := table.Lines[c.Spec]
				source = l.In + ", " + l.At + ": " + l.Line
			}
			fmt.Fprintf(&b, "| `%s`<br>%s | %s | %s | %s | %s |\n", c.ID, cell(c.Title), asked(&c), strings.Join(append(c.Status, c.Code...), ", "), code(c.Expect), cell(source))
		}
	}
	return b.String()
}

// changes tells how the table came to differ from its first version, as git log -p
// oinf/conform/checks shows it.
var changes = strings.ReplaceAll(`## What was changed after the table had been written

The table was committed on 22 November 2026 (83920ad, 503 checks) before the code that it judges. Two later commits changed it, and none since: fc974fd, with the tool, and dbbaa52, after the tool's first runs. The record below is of the table as it is.

- With the tool: 'grpc-deadline' (a call within its deadline is answered, which wanted no more than a plain answer) gave way to 'grpc-metadata' (metadata that means nothing changes nothing, our rule), so that no check is about deadlines any more. 'grpc-same-port' got a program, because it has to ask the address of gRPC.
- Weaker: 'range-bool-number' was "2 is no BOOL" and accepted 4xx only. It accepts 200, too, because the specification lets a server coerce an element. This server refuses it.
- Removed: 'binary-advertised' wanted the binary extension named in the metadata, but applied only where it was named, and could not fail. 'binary-unadvertised' took over its line of the specification, and is counted there and no more among our rules.
- Corrected: 'half-body' wanted 4xx and the right answer at once; it wants an error or a cut connection. 'v1-unknown-member' sent signature_name, which TensorFlow Serving knows, and so does this server, which refuses a name of no output there: it would fail the check in its first form. It sends a member that nobody knows.
- Moved from the specification to our rules, because the line cited does not demand it or is not one of the protocol: the status 405 with an object of error ('infer-get-body', 'infer-put', 'infer-delete', 'infer-patch', 'metadata-post', 'server-metadata-post'), 415 ('type-text', 'type-xml', 'type-multipart', 'encoding-unknown'), the health service of gRPC ('grpc-health', 'grpc-health-service', 'grpc-health-unknown', 'grpc-health-watch') and reflection ('grpc-reflection', 'grpc-reflection-file'). What a server has to do for them is unchanged.

`, "'", "`")

func writeRecord(b *strings.Builder, table *checks.Table, runs map[string]recorded) {
	b.WriteString("| server | date | | passed | failed | not applicable |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		r := runs[name]
		for _, kind := range []string{Specification, Ours} {
			n := r.Counts[kind]
			fmt.Fprintf(b, "| %s (%s) | %s | %s | %d | %d | %d |\n", name, r.Server, r.Date, kind, n[Passed], n[Failed], n[NotApplicable])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		r := runs[name]
		if len(r.Failed) == 0 {
			continue
		}
		fmt.Fprintf(b, "\nWhat fails in %s (%s):\n\n", name, r.Server)
		for _, g := range table.Groups {
			var ids []string
			for _, c := range g.Checks {
				if slices.Contains(r.Failed, c.ID) {
					ids = append(ids, "`"+c.ID+"`")
				}
			}
			if len(ids) > 0 {
				fmt.Fprintf(b, "- %s, %d of %d: %s\n", g.Name, len(ids), len(g.Checks), strings.Join(ids, ", "))
			}
		}
	}
}

// asked tells what a check sends.
func asked(c *checks.Check) string {
	var parts []string
	add := func(name string, values ...string) {
		if len(values) > 0 {
			parts = append(parts, name+" "+code(values))
		}
	}
	add("", c.Request)
	if c.Form != "none" && c.Form != "v2" && c.Form != "grpc" && c.Body == nil {
		add("form", c.Form)
	}
	if c.Rows != nil {
		add("rows", fmt.Sprint(*c.Rows))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if c.Headers[name] == "" {
			add("without header", name)
		} else {
			add("header", name+": "+c.Headers[name])
		}
	}
	if c.Body != nil {
		add("body", *c.Body)
	}
	add("values", c.Values...)
	add("edit", c.Edit...)
	add("bytes", c.Wire...)
	if c.Program != "" {
		add("program", c.Program)
	}
	return strings.TrimSpace(strings.Join(parts, "<br>"))
}

// code writes texts as code in a cell of a table.
func code(texts []string) string {
	var all []string
	for _, s := range texts {
		if s = strings.Trim(fmt.Sprintf("%q", s), `"`); s == "" {
			all = append(all, "nothing")
			continue
		}
		s = strings.ReplaceAll(strings.ReplaceAll(s, `\"`, `"`), "|", `\|`)
		all = append(all, "`"+s+"`")
	}
	return strings.Join(all, ", ")
}

// cell writes a text in a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "$", `\$`).Replace(s)
}
