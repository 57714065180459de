//go:build race

package main

// buildFlags make the program under test watch for races where the test does.
var buildFlags = []string{"-race"}

// raceEnviron keeps the race detector from its one second's sleep at exit, which
// the tests would take for a slow drain.
var raceEnviron = []string{"GORACE=atexit_sleep_ms=0"}
