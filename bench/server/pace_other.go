//go:build !linux

package main

import "time"

// waitUntil waits for a time. The benchmark runs on Linux only.
func waitUntil(at time.Time) error {
	time.Sleep(time.Until(at))
	return nil
}
