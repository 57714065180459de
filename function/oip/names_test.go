//go:build !race

// The race detector makes reading a byte as dear as comparing names, which is what
// is told apart here.

package oip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestManyNames: many long names that differ only at their ends cost no more than
// names that differ at once.
func TestManyNames(t *testing.T) {
	const n = 640
	long := strings.Repeat("n", 4000)
	parse := func(name func(i int) string) time.Duration {
		var inputs, outputs []string
		for i := range n {
			inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[1],"datatype":"FP32","data":[1]}`, name(i)))
			outputs = append(outputs, fmt.Sprintf(`{"name":%q}`, name(i)))
		}
		body := []byte(`{"inputs":[` + strings.Join(inputs, ",") + `],"outputs":[` + strings.Join(outputs, ",") + `]}`)
		best := time.Hour
		for range 3 {
			began := time.Now()
			if err := new(Request).Parse(body, Limits{Rows: 1, Cells: n}); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(began))
		}
		return best
	}
	early := parse(func(i int) string { return fmt.Sprintf("%04d%s", i, long) })
	late := parse(func(i int) string { return fmt.Sprintf("%s%04d", long, i) })
	if late > 3*early {
		t.Errorf("%v, where names that differ at once take %v", late, early)
	}
}
