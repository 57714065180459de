package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"online-inference/oinf/conform/checks"
)

// A judge holds one answer against the rules of its check.
type judge struct {
	t     *target
	check *checks.Check
	rows  int
	sent  *node // the request in its form; nil where the check gives a body
	a     answer
}

// rule applies one rule, written NAME ARGUMENT.
func (j *judge) rule(ctx context.Context, text string) error {
	name, arg, _ := strings.Cut(text, " ")
	apply, known := rules[name]
	if !known {
		return fmt.Errorf("rule %q: unknown", text)
	}
	return apply(ctx, j, j.t.fill(arg, fillJSON))
}

var rules = map[string]func(context.Context, *judge, string) error{
	"json": func(_ context.Context, j *judge, _ string) error { _, err := j.object(); return err },
	"empty": func(_ context.Context, j *judge, _ string) error {
		return require(len(j.a.body) == 0, "the answer has a body of %d bytes", len(j.a.body))
	},
	"error": func(_ context.Context, j *judge, _ string) error { return j.errorObject() },
	"says": func(_ context.Context, j *judge, arg string) error {
		return require(strings.Contains(string(j.a.body), arg), "the body does not say %q", arg)
	},
	"shorter": func(_ context.Context, j *judge, arg string) error {
		return require(len(j.a.body) < atoi(arg), "the body has %d bytes", len(j.a.body))
	},
	"no-markup": func(_ context.Context, j *judge, _ string) error {
		return require(!strings.Contains(string(j.a.body), "<script"), "the body repeats markup")
	},
	"header": func(_ context.Context, j *judge, arg string) error {
		name, want, _ := strings.Cut(arg, " ")
		got := j.a.header.Get(name)
		base, _, _ := strings.Cut(got, ";")
		return require(strings.EqualFold(strings.TrimSpace(base), want) || name == "Allow" && slices.Contains(words(got), want), "%s is %q", name, got)
	},
	"no-header": func(_ context.Context, j *judge, arg string) error {
		return require(j.a.header.Get(arg) == "", "the answer has a header %s", arg)
	},
	// Members of the body.
	"member": func(_ context.Context, j *judge, arg string) error {
		name, want, _ := strings.Cut(arg, " ")
		return j.member(name, func(v *node) bool { return same(v, raw(want)) }, want)
	},
	"string": func(_ context.Context, j *judge, arg string) error {
		// An empty string of gRPC is one that was not set.
		return j.member(arg, func(v *node) bool { return v.isString() && (!j.a.grpc() || v.text() != "") }, "a string")
	},
	"strings": func(_ context.Context, j *judge, arg string) error {
		return j.member(arg, func(v *node) bool { return v.kind == '[' && all(v.items, (*node).isString) }, "a list of strings")
	},
	"holds": func(_ context.Context, j *judge, arg string) error {
		name, want, _ := strings.Cut(arg, " ")
		return j.member(name, func(v *node) bool {
			return slices.ContainsFunc(v.items, func(e *node) bool { return same(e, raw(want)) })
		}, "a list with "+want)
	},
	"one-of": func(_ context.Context, j *judge, arg string) error {
		doc, err := j.object()
		if err != nil {
			return err
		}
		for _, name := range strings.Fields(arg) {
			if v := doc.get(name); v != nil && v.raw == "true" {
				return nil
			}
		}
		return fmt.Errorf("none of %s is true", arg)
	},
	"truthy": func(_ context.Context, j *judge, arg string) error {
		return j.member(arg, func(v *node) bool { return strings.EqualFold(v.text(), "true") }, "true")
	},
	"false-if-ok": func(_ context.Context, j *judge, arg string) error {
		if !j.a.ok() {
			return nil
		}
		return j.member(arg, func(v *node) bool { return v.raw == "false" }, "false")
	},
	"filled": func(_ context.Context, j *judge, arg string) error {
		return j.member(arg, func(v *node) bool { return v.kind == '[' && len(v.items) > 0 }, "a list that is not empty")
	},
	"properties": func(_ context.Context, j *judge, _ string) error {
		doc, err := j.object()
		if err != nil || doc.get("properties") == nil {
			return err
		}
		return j.member("properties", func(v *node) bool {
			return v.kind == '{' && !slices.ContainsFunc(v.members, func(m member) bool { return !m.value.isString() })
		}, "an object of strings")
	},
	"platform": func(_ context.Context, j *judge, _ string) error {
		return j.member("platform", func(v *node) bool {
			project, format, ok := strings.Cut(v.text(), "_")
			return v.isString() && ok && project != "" && format != ""
		}, "PROJECT_FORMAT")
	},
	"tensors": func(_ context.Context, j *judge, arg string) error {
		return j.eachTensor(arg, func(v *node) error {
			return require(v.get("name") != nil && v.get("name").isString() && v.get("datatype") != nil && v.get("datatype").isString() &&
				v.get("shape") != nil && v.get("shape").kind == '[', "name, datatype or shape is missing or of a wrong kind")
		})
	},
	"datatypes": func(_ context.Context, j *judge, arg string) error {
		return j.eachTensor(arg, func(v *node) error {
			_, known := datatypes[v.get("datatype").text()]
			return require(known, "datatype %s", v.get("datatype").raw)
		})
	},
	"dimensions": func(_ context.Context, j *judge, arg string) error {
		return j.eachTensor(arg, func(v *node) error {
			for _, d := range v.get("shape").items {
				if n, err := strconv.ParseInt(d.raw, 10, 64); err != nil || n < -1 {
					return fmt.Errorf("dimension %s", d.raw)
				}
			}
			return nil
		})
	},
	"batch-dimension": func(_ context.Context, j *judge, _ string) error { return j.batchDimension() },
	"unique": func(_ context.Context, j *judge, arg string) error {
		seen := map[string]bool{}
		return j.eachTensor(arg, func(v *node) error {
			name := v.get("name").text()
			err := require(name != "" && !seen[name], "the name %q", name)
			seen[name] = true
			return err
		})
	},
	"same-server": func(_ context.Context, j *judge, _ string) error {
		var got metaServer
		if err := json.Unmarshal(j.a.body, &got); err != nil {
			return err
		}
		slices.Sort(got.Extensions)
		want := slices.Sorted(slices.Values(j.t.server.Extensions))
		return require(got.Name == j.t.server.Name && got.Version == j.t.server.Version && slices.Equal(got.Extensions, want),
			"REST says %+v", j.t.server)
	},
	"same-tensors": func(_ context.Context, j *judge, _ string) error { return j.sameTensors() },
	// Answers of an inference.
	"response":       func(_ context.Context, j *judge, _ string) error { return j.response() },
	"either":         func(_ context.Context, j *judge, _ string) error { return j.either(j.response) },
	"either-outputs": func(_ context.Context, j *judge, _ string) error { return j.either(j.responseOrNone) },
	"either-json": func(_ context.Context, j *judge, _ string) error {
		return j.either(func() error { _, err := j.object(); return err })
	},
	"output-members":    func(_ context.Context, j *judge, _ string) error { return j.outputMembers() },
	"output-datatypes":  func(_ context.Context, j *judge, _ string) error { return j.eachOutput((*judge).datatype) },
	"output-shapes":     func(_ context.Context, j *judge, _ string) error { return j.eachOutput((*judge).shape) },
	"output-lengths":    func(_ context.Context, j *judge, _ string) error { return j.eachOutput((*judge).length) },
	"output-values":     func(_ context.Context, j *judge, _ string) error { return j.eachOutput((*judge).values) },
	"output-parameters": func(_ context.Context, j *judge, _ string) error { return j.parameters() },
	"version":           func(_ context.Context, j *judge, _ string) error { return j.version() },
	"outputs":           func(_ context.Context, j *judge, arg string) error { return j.outputList(arg) },
	"rows":              func(_ context.Context, j *judge, _ string) error { return j.rowCounts() },
	"rows-alone":        func(ctx context.Context, j *judge, _ string) error { return j.rowsAlone(ctx) },
	"same":              func(ctx context.Context, j *judge, _ string) error { return j.same(ctx) },
	"echo":              func(_ context.Context, j *judge, arg string) error { return j.echo(arg) },
	"id":                func(_ context.Context, j *judge, arg string) error { return j.id(arg) },
	"id-optional": func(_ context.Context, j *judge, _ string) error {
		doc, err := j.object()
		if err != nil || doc.get("id") == nil {
			return err
		}
		return require(doc.get("id").isString(), "id is %s", doc.get("id").raw)
	},
	"unpacked": func(_ context.Context, j *judge, _ string) (err error) {
		if j.a, err = j.a.unpacked(); err != nil {
			return err
		}
		return j.response()
	},
	"binary":          func(_ context.Context, j *judge, arg string) error { return j.binaryOutputs(arg) },
	"contents-or-raw": func(_ context.Context, j *judge, _ string) error { return j.contentsOrRaw() },
	"raw-answer": func(_ context.Context, j *judge, _ string) error {
		return j.member("raw_output_contents", func(v *node) bool { return len(v.items) > 0 }, "raw contents")
	},
	// Answers of V1.
	"predictions": func(_ context.Context, j *judge, _ string) error { _, err := j.predictions(); return err },
	"either-predictions": func(_ context.Context, j *judge, _ string) error {
		return j.either(func() error { _, err := j.predictions(); return err })
	},
	"v1-same": func(ctx context.Context, j *judge, _ string) error { return j.v1Same(ctx) },
	"v2-same": func(ctx context.Context, j *judge, _ string) error { return j.v2Same(ctx) },
}

// require is an error where something does not hold.
func require(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func all(items []*node, ok func(*node) bool) bool {
	return !slices.ContainsFunc(items, func(n *node) bool { return !ok(n) })
}

// same compares scalars, strings by what they say.
func same(a, b *node) bool {
	if a.isString() && b.isString() {
		return a.text() == b.text()
	}
	return a.kind == b.kind && a.raw == b.raw
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil { // a mistake in the table, which its test finds
		return 0
	}
	return n
}

// object is the JSON object of the answer, which says that it is JSON.
func (j *judge) object() (*node, error) {
	doc, _, err := j.a.json()
	if err != nil || j.a.grpc() {
		return doc, err
	}
	want := "application/json"
	if j.a.header.Get(headerLength) != "" {
		want = "application/octet-stream"
	}
	base, _, _ := strings.Cut(j.a.header.Get("Content-Type"), ";")
	return doc, require(strings.EqualFold(strings.TrimSpace(base), want), "Content-Type is %q, expected %s", j.a.header.Get("Content-Type"), want)
}

// errorObject is the protocol's form of an error.
func (j *judge) errorObject() error {
	if j.a.grpc() {
		return nil
	}
	doc, err := j.object()
	if err != nil {
		return err
	}
	return require(doc.get("error") != nil && doc.get("error").isString() && doc.get("error").text() != "", `the body has no "error" that is a string`)
}

func (j *judge) member(name string, ok func(*node) bool, want string) error {
	doc, err := j.object()
	if err != nil {
		return err
	}
	v := doc.get(name)
	if v == nil {
		return fmt.Errorf("%q is missing", name)
	}
	return require(ok(v), "%q is %s, expected %s", name, clip(string(v.bytes()), 100), clip(want, 100))
}

// eachTensor goes through a list of the metadata.
func (j *judge) eachTensor(name string, ok func(*node) error) error {
	doc, err := j.object()
	if err != nil {
		return err
	}
	l := doc.get(name)
	if l == nil || l.kind != '[' {
		return fmt.Errorf("%q is no list", name)
	}
	for i, v := range l.items {
		if v.get("name") == nil || v.get("datatype") == nil || v.get("shape") == nil {
			return fmt.Errorf("%s, tensor %d: name, datatype or shape is missing", name, i)
		}
		if err := ok(v); err != nil {
			return fmt.Errorf("%s, tensor %d: %w", name, i, err)
		}
	}
	return nil
}

func (j *judge) batchDimension() error {
	free, fixed := 0, 0
	for _, name := range []string{"inputs", "outputs"} {
		err := j.eachTensor(name, func(v *node) error {
			shape := v.get("shape").items
			if len(shape) > 0 && shape[0].raw == "-1" {
				free++
			} else {
				fixed++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return require(free == 0 || fixed == 0, "%d tensors have a free first dimension, %d have none", free, fixed)
}

// sameTensors compares gRPC's metadata of the model with REST's.
func (j *judge) sameTensors() error {
	doc, err := j.object()
	if err != nil {
		return err
	}
	for name, want := range map[string][]metaTensor{"inputs": j.t.meta.Inputs, "outputs": j.t.meta.Outputs} {
		l := doc.get(name)
		if l == nil || len(l.items) != len(want) {
			return fmt.Errorf("%s: REST lists %d", name, len(want))
		}
		for i, v := range l.items {
			var shape []string
			for _, d := range want[i].Shape {
				shape = append(shape, strconv.FormatInt(d, 10))
			}
			var got []string
			for _, d := range v.get("shape").items {
				got = append(got, d.text())
			}
			if v.get("name").text() != want[i].Name || v.get("datatype").text() != want[i].Datatype || !slices.Equal(got, shape) {
				return fmt.Errorf("%s, tensor %d: REST says %+v", name, i, want[i])
			}
		}
	}
	return nil
}
