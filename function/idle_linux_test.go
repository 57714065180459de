//go:build !race

package main

import "testing"

// TestIdleMemory: a server that is ready and has nothing to do keeps within the
// limits of docs/design.md. Resident memory counts the program's own pages, which
// pods of one node share; the private part is what each pod costs.
func TestIdleMemory(t *testing.T) {
	p := start(t)
	for name, most := range map[string]int{"VmRSS": 20e6, "RssAnon": 8e6} {
		if got := holds(t, p.cmd.Process.Pid, name) * 1024; got > most {
			t.Errorf("%s is %d bytes, expected at most %d", name, got, most)
		}
	}
}
