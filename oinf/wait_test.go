package main

import (
	"testing"
	"time"
)

// waitFor polls a condition that another process brings about.
func waitFor(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
