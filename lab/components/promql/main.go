// Command promql parses every expression of Grafana dashboards as Prometheus does,
// and fails on the first that it does not take:
//
//	go run . ../../../knative/monitoring/dashboard.json
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run(paths []string) error {
	if len(paths) == 0 {
		return errors.New("expected the paths of dashboards")
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n, err := check(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Printf("%s: %d expressions\n", path, n)
	}
	return nil
}

// check parses the expressions of a dashboard and returns their number.
func check(text []byte) (int, error) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return 0, err
	}
	// What Grafana puts in their place; the others stand within strings.
	variables := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$window", "1d")
	n := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			if _, err := parser.ParseExpr(variables.Replace(target.Expr)); err != nil {
				return n, fmt.Errorf("panel %q: %s: %w", p.Title, target.Expr, err)
			}
			n++
		}
	}
	if n == 0 {
		return 0, errors.New("it has no expressions")
	}
	return n, nil
}
