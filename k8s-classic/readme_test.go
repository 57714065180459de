package classic

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// numbers are the course task's own, in its order; v2 stands between 3 and 4.
var numbers = []string{"0", "1", "2", "2a", "3", "v2", "4a", "4b", "5a", "5b", "6"}

// manifests are the six files that the task names, by number.
var manifests = map[string]string{
	"2": "online-inference-pod.yaml", "2a": "online-inference-pod-resources.yaml", "3": "online-inference-pod-probes.yaml",
	"4a": "online-inference-replicaset.yaml", "4b": "online-inference-replicaset.yaml",
	"5a": "online-inference-deployment-blue-green.yaml", "5b": "online-inference-deployment-rolling-update.yaml",
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeHasEveryNumber: one section for each number, in their order, with
// question, commands, answer and recorded run, and at the end a row for each.
func TestReadmeHasEveryNumber(t *testing.T) {
	text := readme(t)
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^## (\d\w?|v2)\. `).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	if !slices.Equal(found, numbers) {
		t.Fatalf("sections %v, want %v", found, numbers)
	}
	_, table, ok := strings.Cut(text, "\n## Task, file, evidence\n")
	if !ok || strings.Contains(table, "\n## ") {
		t.Fatal("the page does not end with the table of task, file and evidence")
	}
	for _, n := range numbers {
		_, section, _ := strings.Cut(text, "\n## "+n+". ")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, part := range []string{"**Question.** ", "**Answer.** ", "**Recorded run.** "} {
			if strings.Count(section, "\n"+part) != 1 {
				t.Errorf("%s: %q occurs %d times, want once", n, part, strings.Count(section, "\n"+part))
			}
		}
		_, answer, _ := strings.Cut(section, "\n**Answer.** ")
		answer, _, _ = strings.Cut(answer, "\n")
		if got := sentences(answer); got != 2 {
			t.Errorf("%s: the answer has %d sentences, want 2: %s", n, got, answer)
		}
		if !strings.Contains(section, "```sh\n") && !strings.Contains(section, "```bash\n") {
			t.Errorf("%s: no commands", n)
		}
		if strings.Contains(section, "```sh\n") && !strings.Contains(section, "```text\n") {
			t.Errorf("%s: no output", n)
		}
		row := regexp.MustCompile(`(?m)^\| ` + n + ` \| (.*) \|$`).FindString(table)
		if row == "" {
			t.Errorf("%s: no row in the table", n)
		}
		file, has := manifests[n]
		if has && (!strings.Contains(row, "("+file+")") || !strings.Contains(section, "k8s-classic/"+file)) {
			t.Errorf("%s: %s is not both applied and in the table", n, file)
		}
		if has && !strings.Contains(section, "(../docs/comparisons/") {
			t.Errorf("%s: no link to a recorded run", n)
		}
	}
}

// sentences counts what ends in a full stop before a space and a capital letter,
// or at the end.
func sentences(text string) int {
	return len(regexp.MustCompile("[.](?: [A-Z`\\[]|$)").FindAllString(text, -1))
}

// TestReadmeLinks: links are to files that are there; every file of patches/ and folder of more/ is linked.
func TestReadmeLinks(t *testing.T) {
	text := readme(t)
	linked := map[string]bool{}
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		target := m[1]
		linked[filepath.Clean(target)] = true
		if strings.HasPrefix(target, "https://") {
			continue
		}
		if _, err := os.Stat(target); err != nil {
			t.Errorf("link to nowhere: %v", err)
		}
	}
	for _, pattern := range []string{"patches/*", "more/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) < 4 {
			t.Errorf("only %d of %s", len(paths), pattern)
		}
		for _, path := range paths {
			if !linked[path] && !strings.Contains(text, "k8s-classic/"+path) {
				t.Errorf("the page does not name %s", path)
			}
		}
	}
}
