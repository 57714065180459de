package timeline

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

var update = flag.Bool("update", false, "write the pictures in testdata again")

// pictures are synthetic runs of every kind.
func pictures(t *testing.T) map[string]Picture {
	t.Helper()
	scripts := []struct {
		name, title, conclusion string
		run                     *record.Run
	}{
		{"blue-green", "Deployment: blue-green by maxSurge 100 %", "All eight pods exist at one moment, and the Service feeds both versions until the last old one goes: a surge is not a switch.", blueGreen()},
		{"recreate", "Deployment: Recreate", "Every old pod is gone before the first new one starts: an outage as long as a stop and a start.", recreate()},
		{"dying", "A version that dies, minReadySeconds above its life", "The rollout stalls with ProgressDeadlineExceeded, and the old pods serve on.", dying()},
		{"broken", "Rolling without graceful termination", "Pods that go at once refuse the connections that kube-proxy still sends them.", broken()},
		{"share", "Knative: 25 % by percent", "The share moves as soon as the route is told.", share()},
		{"probing", "Liveness without startup probe", "The kubelet kills the container while it still starts, for ever.", probing()},
		{"scaling", "A load step", "One pod becomes fourteen, and one is left two minutes later.", scaling()},
		{"limits", "Requests and limits", "Over its memory limit a container is killed with 137; a request that no node has room for leaves its pod Pending.", limits()},
		{"looping", "CrashLoopBackOff", "Each restart waits twice as long as the one before.", looping()},
		{"idle", "Idle for 15 minutes", "What Knative runs takes more CPU than a pod that waits.", idle()},
		{"empty", "A run in which nothing was seen", "Neither pods nor requests.", newWorld("pod", 0, 9000).done()},
	}
	families := map[string][]*record.Run{}
	for _, s := range scripts {
		families[s.run.Header.Family] = append(families[s.run.Header.Family], s.run)
	}
	all := map[string]Picture{}
	for _, s := range scripts {
		f, err := figures.Of(s.run)
		if err != nil {
			t.Fatal(err)
		}
		all[s.name] = Picture{Title: s.title, Conclusion: s.conclusion, Run: s.run, Figures: f, Axis: NewAxis(families[s.run.Header.Family]...)}
	}
	return all
}

func files(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	ps := pictures(t)
	var rollouts []Picture
	for _, name := range slices.Sorted(maps.Keys(ps)) {
		if ps[name].Run.Header.Family == "rollouts" {
			rollouts = append(rollouts, ps[name])
		}
	}
	for _, th := range []Theme{Light(), Dark()} {
		for name, p := range ps {
			all[name+"-"+th.Name+".svg"] = Draw(p, th)
		}
		all["summary-"+th.Name+".svg"] = Summary("Rollouts side by side", "Only what ends a pod early loses requests.", rollouts, th)
	}
	return all
}

func TestGolden(t *testing.T) {
	got := files(t)
	if *update {
		for name, svg := range got {
			if err := os.WriteFile(filepath.Join("testdata", name), svg, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(got) {
		t.Errorf("testdata has %d files, want %d", len(entries), len(got))
	}
	for name, svg := range got {
		want, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(svg), "\n")); diff != "" {
			t.Errorf("%s (go test -update, then look at it) (-want +got)\n%s", name, diff)
		}
	}
}

// node is an element of a picture.
type node struct {
	name string
	attr map[string]string
	text string
}

func (n node) float(t *testing.T, key string) float64 {
	t.Helper()
	if n.attr[key] == "" {
		return 0
	}
	v, err := strconv.ParseFloat(n.attr[key], 64)
	if err != nil {
		t.Fatalf("%s of <%s>: %v", key, n.name, err)
	}
	return v
}

// parse lists the elements that are drawn, not those of patterns.
func parse(t *testing.T, svg []byte) []node {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(svg))
	var all []node
	depth := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "defs" || depth > 0 {
				depth++
				continue
			}
			n := node{name: e.Name.Local, attr: map[string]string{}}
			for _, a := range e.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			all = append(all, n)
		case xml.EndElement:
			if depth > 0 {
				depth--
			}
		case xml.CharData:
			if depth == 0 && len(all) > 0 {
				all[len(all)-1].text += strings.TrimSpace(string(e))
			}
		}
	}
}

// TestStructure holds each picture against what a reader needs: 860 px wide,
// texts of 11 px or more inside it and off each other, boxes inside it, a
// title and a description.
func TestStructure(t *testing.T) {
	type box struct {
		x1, y1, x2, y2 float64
		text           string
	}
	pictures := files(t)
	recorded, err := filepath.Glob("../../docs/comparisons/*.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range recorded {
		if pictures[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, svg := range pictures {
		t.Run(filepath.Base(name), func(t *testing.T) {
			all := parse(t, svg)
			if w := all[0].float(t, "width"); w != Width {
				t.Errorf("the picture is %v px wide", w)
			}
			height := all[0].float(t, "height")
			var texts []box
			found := map[string]string{}
			for _, n := range all {
				found[n.name] = n.text
				switch n.name {
				case "rect":
					x, y, w, h := n.float(t, "x"), n.float(t, "y"), n.float(t, "width"), n.float(t, "height")
					if x < 0 || y < 0 || w < 0 || h < 0 || x+w > Width+0.5 || y+h > height {
						t.Errorf("a box from %v, %v of %v × %v in %v × %v", x, y, w, h, Width, height)
					}
				case "path":
					for _, pair := range strings.FieldsFunc(n.attr["d"], func(r rune) bool { return r == 'M' || r == 'L' }) {
						var x, y float64
						if _, err := fmt.Sscan(pair, &x, &y); err != nil {
							t.Fatalf("path %q: %v", n.attr["d"], err)
						}
						if x < 0 || x > Width || y < 0 || y > height {
							t.Errorf("a path through %v, %v", x, y)
						}
					}
				case "text":
					size := n.float(t, "font-size")
					if size < 11 {
						t.Errorf("%q is %v px high", n.text, size)
					}
					w := widthOf(n.text, size, n.attr["font-weight"] != "")
					x, y := n.float(t, "x"), n.float(t, "y")
					switch n.attr["text-anchor"] {
					case "middle":
						x -= w / 2
					case "end":
						x -= w
					}
					if x < 0 || x+w > Width || y-size < 0 || y+0.2*size > height {
						t.Errorf("%q goes over the edge: from %.1f to %.1f, at %.1f of %.1f", n.text, x, x+w, y, height)
					}
					texts = append(texts, box{x, y - 0.75*size, x + w, y + 0.1*size, n.text})
				}
			}
			if len(found["title"]) < 20 || len(found["desc"]) < 20 {
				t.Errorf("title %q, description %q", found["title"], found["desc"])
			}
			for i, a := range texts {
				for _, b := range texts[:i] {
					if a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2 {
						t.Errorf("%q lies over %q", a.text, b.text)
					}
				}
			}
		})
	}
}

// luminance by WCAG 2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	v, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		t.Fatalf("%q is no colour", colour)
	}
	part := func(shift uint) float64 {
		c := float64(v>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a)+0.05, luminance(t, b)+0.05
	return max(x, y) / min(x, y)
}

// TestContrast holds the colours against WCAG 2: 4.5 for words, 3 for shapes.
func TestContrast(t *testing.T) {
	for _, th := range []Theme{Light(), Dark()} {
		for what, pair := range map[string]struct {
			a, b  string
			least float64
		}{
			"text": {th.Text, th.Ground, 7}, "muted text": {th.Muted, th.Ground, 4.5}, "failed, as text": {th.Failed, th.Ground, 4.5},
			"lines": {th.Line, th.Ground, 3}, "slow": {th.Slow, th.Ground, 3},
			"v1": {th.Versions[0], th.Ground, 4.5}, "v2": {th.Versions[1], th.Ground, 4.5},
			"v1 starting": {th.Versions[0], th.Tints[0], 3}, "v2 starting": {th.Versions[1], th.Tints[1], 3},
			"failed on what went well": {th.Failed, th.OK, 2},
		} {
			if got := contrast(t, pair.a, pair.b); got < pair.least {
				t.Errorf("%s, %s: contrast %.2f, want %v", th.Name, what, got, pair.least)
			}
		}
	}
	if got := contrast(t, "#000000", "#ffffff"); math.Abs(got-21) > 1e-9 {
		t.Errorf("black on white has a contrast of %v, want 21", got)
	}
}

// TestAlt: whoever does not see the picture is told its conclusion and numbers.
func TestAlt(t *testing.T) {
	got := pictures(t)["recreate"].Alt()
	for _, want := range []string{"Every old pod is gone", "requests failed: ", " of 1,180", "fewer than 2 ready: ", "from change to done: 8.0 s"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
