package conform

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"

	"online-inference/oinf/conform/checks"
)

// A report is what all checks said of a server.
type report struct {
	URL     string   `json:"url"`
	Server  string   `json:"server"`
	Model   string   `json:"model"`
	Version string   `json:"version,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Results []Result `json:"results"`
}

// count is how many results of a kind ("" is any) have an outcome.
func (r *report) count(kind, outcome string) int {
	n := 0
	for i := range r.Results {
		if (kind == "" || r.Results[i].Kind == kind) && r.Results[i].Outcome == outcome {
			n++
		}
	}
	return n
}

func (r *report) write(w io.Writer, o *options) error {
	if o.junit != "" {
		if err := r.writeJUnit(o.junit); err != nil {
			return err
		}
	}
	if o.json {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := io.WriteString(w, r.text(o.verbose))
	return err
}

// text is the report for a person: failures by group, then the counts.
func (r *report) text(verbose bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, model %s", r.URL, r.Server, r.Model)
	if r.Version != "" {
		fmt.Fprintf(&b, ", version %s", r.Version)
	}
	b.WriteByte('\n')
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	group := ""
	for i := range r.Results {
		res := &r.Results[i]
		if res.Outcome == Passed && !verbose || res.Outcome == NotApplicable && !verbose {
			continue
		}
		if res.Group != group {
			group = res.Group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		fmt.Fprintf(&b, "  %-14s %s: %s\n", res.Outcome, res.ID, res.Title)
		if res.Outcome == Passed {
			continue
		}
		fmt.Fprintf(&b, "    %s\n", res.Reason)
		if res.Outcome == Failed {
			name := map[string]string{Specification: "specification", Ours: "our rule"}[res.Kind]
			fmt.Fprintf(&b, "    %s: %s\n%s%s", name, res.Source, indent("sent", res.Request), indent("got", res.Response))
		}
	}
	if left := r.reasons(); len(left) > 0 && !verbose {
		b.WriteString("\nNot applicable\n")
		for _, line := range left {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	fmt.Fprintf(&b, "\n%-16s %8s %8s %16s\n", "", Passed, Failed, NotApplicable)
	for _, kind := range []string{Specification, Ours} {
		name := map[string]string{Specification: "specification", Ours: "our rules"}[kind]
		fmt.Fprintf(&b, "%-16s %8d %8d %16d\n", name, r.count(kind, Passed), r.count(kind, Failed), r.count(kind, NotApplicable))
	}
	return b.String()
}

// reasons are those of the checks that do not apply, with their ids.
func (r *report) reasons() []string {
	var order []string
	ids := map[string][]string{}
	for i := range r.Results {
		if res := &r.Results[i]; res.Outcome == NotApplicable {
			if ids[res.Reason] == nil {
				order = append(order, res.Reason)
			}
			ids[res.Reason] = append(ids[res.Reason], res.ID)
		}
	}
	for i, reason := range order {
		order[i] = fmt.Sprintf("%s: %d, %s", reason, len(ids[reason]), clip(strings.Join(ids[reason], ", "), 200))
	}
	return order
}

func indent(name, text string) string {
	if text == "" {
		return ""
	}
	return "    " + name + ": " + strings.ReplaceAll(text, "\n", "\n      ") + "\n"
}

// writeList names the checks and sends nothing.
func writeList(w io.Writer, table *checks.Table, wanted func(*checks.Check) bool) error {
	var b strings.Builder
	for _, g := range table.Groups {
		heading := "\n" + g.Name + "\n"
		for i := range g.Checks {
			c := &g.Checks[i]
			if !wanted(c) {
				continue
			}
			source := "ours"
			if c.Spec != "" {
				source = table.Lines[c.Spec].In
			}
			fmt.Fprintf(&b, "%s  %-32s %-12s %s\n", heading, c.ID, source, c.Title)
			heading = ""
		}
	}
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// The parts of a JUnit report that its readers know.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Seconds string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func (r *report) writeJUnit(path string) error {
	s := junitSuite{Name: "oinf oip " + r.URL, Tests: len(r.Results), Failures: r.count("", Failed), Skipped: r.count("", NotApplicable)}
	for i := range r.Results {
		res := &r.Results[i]
		c := junitCase{Class: res.Group, Name: res.ID, Seconds: fmt.Sprintf("%.3f", res.Took.Seconds())}
		switch res.Outcome {
		case Failed:
			c.Failure = &junitMessage{res.Reason, res.Title + "\n" + res.Kind + ": " + res.Source + "\nsent: " + res.Request + "\ngot: " + res.Response}
		case NotApplicable:
			c.Skipped = &junitMessage{Message: res.Reason}
		}
		s.Cases = append(s.Cases, c)
	}
	b, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), append(b, '\n')...), 0o644); err != nil {
		return usage("%w", err)
	}
	return nil
}
