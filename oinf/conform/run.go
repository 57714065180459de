package conform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"online-inference/oinf/conform/checks"
)

// Outcomes of a check.
const (
	Passed        = "passed"
	Failed        = "failed"
	NotApplicable = "not applicable"
)

// A Result is what came of a check.
type Result struct {
	ID       string        `json:"id"`
	Group    string        `json:"group"`
	Title    string        `json:"title"`
	Kind     string        `json:"kind"`   // specification or ours
	Source   string        `json:"source"` // the line of the specification, or the reason
	Outcome  string        `json:"outcome"`
	Reason   string        `json:"reason,omitempty"`
	Request  string        `json:"request,omitempty"`  // of a failure
	Response string        `json:"response,omitempty"` // of a failure
	Took     time.Duration `json:"took_ns"`
}

// Kinds of rules.
const (
	Specification = "specification"
	Ours          = "ours"
)

// all runs the checks that are wanted, one after the other, and tells of each.
func (t *target) all(ctx context.Context, table *checks.Table, wanted func(*checks.Check) bool, tell func(Result)) ([]Result, error) {
	var results []Result
	for _, g := range table.Groups {
		for i := range g.Checks {
			c := &g.Checks[i]
			if !wanted(c) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return results, fmt.Errorf("the time for all checks is over: %w", err)
			}
			r := t.one(ctx, c)
			r.ID, r.Group, r.Title = c.ID, g.Name, c.Title
			r.Kind, r.Source = Ours, c.Ours
			if c.Spec != "" {
				l := table.Lines[c.Spec]
				r.Kind, r.Source = Specification, l.In+", "+l.At+": "+l.Line
			}
			results = append(results, r)
			tell(r)
		}
	}
	return results, nil
}

// one runs a check.
func (t *target) one(ctx context.Context, c *checks.Check) Result {
	start := time.Now()
	r, a, err := t.exchange(ctx, c)
	res := Result{Outcome: Passed, Took: time.Since(start)}
	var na *notApplicable
	switch {
	case errors.As(err, &na):
		res.Outcome, res.Reason = NotApplicable, na.reason
	case err != nil:
		res.Outcome, res.Reason = Failed, err.Error()
		if r != nil {
			res.Request = r.String()
		}
		res.Response = a.String()
	}
	return res
}

// exchange sends what a check wants and judges the answer.
func (t *target) exchange(ctx context.Context, c *checks.Check) (*request, answer, error) {
	for _, what := range c.Needs {
		if err := t.need(what); err != nil {
			return nil, answer{}, err
		}
	}
	r, err := t.build(c)
	if err != nil {
		return nil, answer{}, err
	}
	// A server may close a connection after an error without saying so; that is for
	// the checks of connections, and no fault of the check that comes next.
	defer t.client.CloseIdleConnections()
	var a answer
	switch {
	case c.Program != "":
		if a, err = programs[c.Program](ctx, t, c, r); err != nil {
			return r, a, err
		}
	case c.GRPC():
		a = t.call(ctx, r.path, r.body, c.Headers)
	case r.method == "HEAD":
		a = t.headRequest(ctx, r.path)
	default:
		a = t.send(ctx, r.method, r.path, r.header, r.body)
	}
	if err := accepted(c, &a); err != nil {
		return r, a, err
	}
	return r, a, t.judge(ctx, c, r, a)
}

// judge holds an answer of an accepted status against the rules of its check.
// There is none to judge where "none" is what was accepted.
func (t *target) judge(ctx context.Context, c *checks.Check, r *request, a answer) error {
	if a.none() {
		return nil
	}
	j := &judge{t: t, check: c, rows: r.rows, sent: r.sent, a: a}
	for _, rule := range c.Expect {
		if err := j.rule(ctx, rule); err != nil {
			return err
		}
	}
	return nil
}

// accepted holds a status or a code against those that a check accepts.
func accepted(c *checks.Check, a *answer) error {
	if c.GRPC() {
		if a.err != nil {
			return fmt.Errorf("no answer: %w", a.err)
		}
		for _, code := range c.Code {
			if code == a.code {
				return nil
			}
		}
		return fmt.Errorf("%s, expected %s", a.code, strings.Join(c.Code, " or "))
	}
	for _, s := range c.Status {
		switch {
		case a.err != nil:
			if s == "none" {
				return nil
			}
		case s == fmt.Sprint(a.status), s == fmt.Sprintf("%dxx", a.status/100):
			return nil
		}
	}
	if a.err != nil {
		return fmt.Errorf("no answer: %w", a.err)
	}
	return fmt.Errorf("status %d, expected %s", a.status, strings.Join(c.Status, " or "))
}
