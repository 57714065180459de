package pages

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"online-inference/lab/compare"
	"online-inference/lab/figures"
	"online-inference/lab/record"
	"online-inference/lab/timeline"
)

// experimentPage is the page of one experiment.
func experimentPage(r *Result, p timeline.Picture) ([]byte, error) {
	d := &document{}
	d.p("# %s", r.Title)
	d.p("%s", r.Question)
	d.p("**%s**", r.Answer)
	d.picture(r.Name+".svg", timeline.Width, p.Alt())
	d.p("%s", caption(r))
	d.p("## Numbers")
	numbers(d, r)
	if err := idle(d, r); err != nil {
		return nil, err
	}
	if len(r.Claims) > 0 {
		d.p("## What is claimed")
		claims(d, r)
	}
	d.p("## Pods before and after")
	beforeAfter(d, r)
	d.p("## Method")
	method(d, r)
	d.p("## Again")
	d.p("About %s for each run, on the cluster that is up:", about(r.Takes))
	d.code(r.Command())
	d.p("All experiments: [comparisons](../comparisons.md).")
	return []byte(strings.TrimRight(d.String(), "\n") + "\n"), nil
}

// caption says which run the picture shows.
func caption(r *Result) string {
	h := r.shown().Header
	text := fmt.Sprintf("Recorded on %s (UTC).", strings.Replace(h.Started, "T", " ", 1)[:16])
	if len(r.Runs) > 1 {
		text = fmt.Sprintf("Run %d of %d, the median one by its time to done, recorded on %s (UTC).", h.Run, len(r.Runs), strings.Replace(h.Started, "T", " ", 1)[:16])
	}
	return text + " Each bar is a pod; time runs to the right."
}

// column is a figure of the tables.
type column struct {
	name    string
	used    bool
	of      func(*figures.Figures) string
	summary func(*figures.Summary) string
}

// failedOf writes the failed requests of some.
func failedOf(c figures.Count) string {
	if c.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%s of %s", timeline.Thousands(c.Failed), timeline.Thousands(c.N))
}

// withBound adds the share that is still likely where none failed.
func withBound(c figures.Count) string {
	if c.N == 0 || c.Failed > 0 {
		return failedOf(c)
	}
	return failedOf(c) + " (< " + timeline.Percent(c.Bound()) + ")"
}

func columns(r *Result) []column {
	s := r.Summary
	var all []column
	for _, name := range slices.Sorted(maps.Keys(s.Clients)) {
		all = append(all, column{"failed, " + name, s.Clients[name].N > 0,
			func(f *figures.Figures) string { return failedOf(f.Clients[name]) },
			func(s *figures.Summary) string { return withBound(s.Clients[name]) + " in all" }})
	}
	seconds := func(name string, used bool, of func(*figures.Figures) float64, over func(*figures.Summary) figures.Spread) {
		all = append(all, column{name, used, func(f *figures.Figures) string { return timeline.Seconds(of(f)) },
			func(s *figures.Summary) string { return spread(over(s), timeline.Seconds) }})
	}
	count := func(name string, used bool, of func(*figures.Figures) int, over func(*figures.Summary) figures.Spread) {
		all = append(all, column{name, used, func(f *figures.Figures) string { return fmt.Sprint(of(f)) },
			func(s *figures.Summary) string { return spread(over(s), whole) }})
	}
	seconds(fmt.Sprintf("fewer than %d ready", s.Want), s.Want > 0, func(f *figures.Figures) float64 { return f.Short }, func(s *figures.Summary) figures.Spread { return s.Short })
	count("fewest ready", s.Want > 0, func(f *figures.Figures) int { return f.LeastReady }, func(s *figures.Summary) figures.Spread { return s.LeastReady })
	count("peak pods", s.PeakAll.Max > 0, func(f *figures.Figures) int { return f.PeakActive }, func(s *figures.Summary) figures.Spread { return s.PeakActive })
	count("peak terminating", s.PeakTerminating.Max > 0, func(f *figures.Figures) int { return f.PeakTerminating }, func(s *figures.Summary) figures.Spread { return s.PeakTerminating })
	seconds("both versions answered", s.Mixed.Max > 0 || r.Family == familyRollouts, func(f *figures.Figures) float64 { return f.Mixed }, func(s *figures.Summary) figures.Spread { return s.Mixed })
	count("restarts", s.Restarts.Max > 0, func(f *figures.Figures) int { return f.Restarts }, func(s *figures.Summary) figures.Spread { return s.Restarts })
	seconds("change to done", s.Done.N > 0, func(f *figures.Figures) float64 { return f.Done }, func(s *figures.Summary) figures.Spread { return s.Done })
	return slices.DeleteFunc(all, func(c column) bool { return !c.used })
}

func numbers(d *document, r *Result) {
	cols := columns(r)
	header, last := []string{"run"}, []string{"median (min–max)"}
	for _, c := range cols {
		header = append(header, c.name)
		last = append(last, c.summary(r.Summary))
	}
	var rows [][]string
	for i, f := range r.Figures {
		cells := []string{fmt.Sprint(r.Runs[i].Header.Run)}
		for _, c := range cols {
			cells = append(cells, c.of(f))
		}
		rows = append(rows, cells)
	}
	if len(rows) > 1 {
		rows = append(rows, last)
	}
	d.table("l"+strings.Repeat("r", len(cols)), header, rows)
	if errs := r.Summary.Requests().Errors; len(errs) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(errs)) {
			parts = append(parts, fmt.Sprintf("%s (%s)", name, timeline.Thousands(errs[name])))
		}
		d.p("What the failed requests met, all runs together: %s.", strings.Join(parts, ", "))
	}
}

// claims has each claim with what was measured, run by run where they differ.
func claims(d *document, r *Result) {
	var rows [][]string
	for _, c := range r.Claims {
		holds := "yes"
		var values []string
		for _, run := range r.Runs {
			measured, err := c.Check(run)
			if err != nil {
				holds = fmt.Sprintf("**no**: run %d", run.Header.Run)
			}
			values = append(values, measured)
		}
		text := strings.Join(values, "; ")
		if unique := slices.Compact(slices.Clone(values)); len(unique) == 1 {
			text = unique[0]
			if len(values) > 1 {
				text += fmt.Sprintf(" (each of %d runs)", len(values))
			}
		}
		rows = append(rows, []string{c.Text, text, holds})
	}
	d.table("lll", []string{"claim", "measured", "holds"}, rows)
}

// beforeAfter has the pods at the change and at the run's end.
func beforeAfter(d *document, r *Result) {
	run := r.shown()
	end := figures.End(run)
	trigger, ok := figures.MarkAt(run, record.MarkTrigger)
	if !ok {
		trigger = 0
	}
	rows := append(podRows(run, trigger-1, "before"), podRows(run, end, "after")...)
	header := []string{"", "pod", "image", "state", "age", "owner", "QoS class"}
	if len(rows) == 0 {
		d.p("There was no pod, neither before nor after.")
		return
	}
	if r.Family != "resources" && r.Family != "pod" {
		for i := range rows {
			rows[i] = rows[i][:6]
		}
		header = header[:6]
	}
	d.table("llllrll", header, rows)
}

// podRows are the pods at a moment.
func podRows(run *record.Run, at int64, when string) [][]string {
	pods := figures.PodsAt(run, at)
	if len(pods) == 0 {
		return [][]string{{when, "none", "", "", "", "", ""}}
	}
	var rows [][]string
	for _, p := range pods {
		state, reason := figures.StateOf(p)
		text := state.String()
		if reason != "" {
			text += ", " + reason
		}
		image := p.Version
		restarts := int32(0)
		for _, c := range p.Containers {
			image = path.Base(c.Image)
			restarts += c.Restarts
		}
		if i := strings.Index(image, "@sha256:"); i >= 0 {
			image = image[:min(len(image), i+len("@sha256:")+8)] + "…"
		}
		if restarts > 0 {
			text += fmt.Sprintf(", restarts: %d", restarts)
		}
		owner := p.Owner
		if owner == "" {
			owner = "none"
		}
		rows = append(rows, []string{when, code(p.Name), code(image), text, age(at - p.Created), code(owner), p.QoS})
	}
	return rows
}

func code(s string) string {
	if s == "none" {
		return s
	}
	return "`" + s + "`"
}

// about writes how long something takes.
func about(t time.Duration) string {
	if t < 2*time.Minute {
		return fmt.Sprintf("%.0f s", t.Seconds())
	}
	return fmt.Sprintf("%.0f min", t.Minutes())
}

// age writes milliseconds as kubectl does.
func age(ms int64) string {
	s := max(ms, 0) / 1000
	switch {
	case s < 120:
		return fmt.Sprintf("%ds", s)
	case s < 600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	}
	return fmt.Sprintf("%dm", s/60)
}

// method says how the run was made: who asked, by which way, what was applied.
func method(d *document, r *Result) {
	h := r.shown().Header
	for _, name := range slices.Sorted(maps.Keys(h.Clients)) {
		c := h.Clients[name]
		policy := "kept connections"
		if c.Fresh {
			policy = "a fresh connection for each request"
		}
		d.p("- Client `%s`: %s, %s, %g requests a second whether or not the last ones were answered, %s; slow from %d ms, failed from %d ms.",
			name, c.Place, c.Path, c.Rate, policy, c.SlowMillis, c.TimeoutMillis)
	}
	if len(h.Clients) == 0 {
		d.p("- Nobody sent requests.")
	}
	d.p("- Times are those at which the events of watches arrived at the recorder, a request's the one at which it was due.")
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(h.Cluster)) {
		parts = append(parts, key+" "+h.Cluster[key])
	}
	if len(parts) > 0 {
		d.p("- Cluster: %s.", strings.Join(parts, ", "))
	}
	var files []string
	for _, name := range slices.Sorted(maps.Keys(h.Manifests)) {
		files = append(files, fmt.Sprintf("[%s](../../%s) (SHA-256 of its objects %.8s…)", name, name, h.Manifests[name]))
	}
	if len(files) > 0 {
		d.p("- Applied: %s.", strings.Join(files, ", "))
	}
	var marks []string
	for _, line := range r.shown().Lines {
		if m := line.Mark; m != nil && m.Text != "" {
			marks = append(marks, fmt.Sprintf("%s: `%s`", m.Name, m.Text))
		}
	}
	if len(marks) > 0 {
		d.p("- Steps: %s.", strings.Join(marks, "; "))
	}
	var records []string
	for _, run := range r.Runs {
		name := compare.FileName(r.Name, run.Header.Run)
		records = append(records, fmt.Sprintf("[%d](events/%s)", run.Header.Run, name))
	}
	d.p("- Records, JSON lines: %s.", strings.Join(records, ", "))
}
