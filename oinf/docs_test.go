package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence finds the commands (sh) of a page and what it says that they print.
var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// TestDocs types the commands of the pages into bash, as a reader would, in a
// folder that shows the repository's content. What the page says they print, … for
// what differs, is what they print on both streams.
func TestDocs(t *testing.T) {
	for _, page := range []string{"reference/oinf.md", "how-to/score-a-file.md"} {
		t.Run(page, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("../docs", page))
			if err != nil {
				t.Fatal(err)
			}
			dir := folder(t)
			blocks := fence.FindAllStringSubmatch(string(data), -1)
			ran := 0
			for i, b := range blocks {
				if b[1] != "sh" {
					continue
				}
				want := ""
				if i+1 < len(blocks) && blocks[i+1][1] != "sh" {
					want = blocks[i+1][2]
				}
				if strings.HasPrefix(b[2], "make build\n") { // TestMain has built it
					continue
				}
				ran++
				c := exec.CommandContext(t.Context(), "bash", "-c", "set -euo pipefail\n"+b[2])
				c.Dir = dir
				c.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "LC_ALL=C")
				out, err := c.CombinedOutput()
				if err != nil || !shows(string(out), want) {
					t.Errorf("%s%v\ngot\n%s\nthe page shows\n%s", b[2], err, out, want)
				}
			}
			if ran < 4 {
				t.Errorf("%d commands, expected more", ran)
			}
		})
	}
}

// folder links the repository's content into a folder in which files can be made.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"engine", "function", "train"} {
		target, err := filepath.Abs("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shows compares an output with what a page shows, line by line.
func shows(out, want string) bool {
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", "[^\n]*") + "$"
	return regexp.MustCompile(pattern).MatchString(out)
}
