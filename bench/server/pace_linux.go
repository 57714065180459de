package main

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

// waitUntil waits for a time to within some tens of microseconds. time.Sleep is no
// help here: where a Go program has connections it sleeps in their poll, whose unit
// is the millisecond, and what is sent late by up to one would be the server's delay.
func waitUntil(at time.Time) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		left := time.Until(at)
		if left <= 0 {
			return nil
		}
		t := syscall.NsecToTimespec(int64(left))
		if err := syscall.Nanosleep(&t, nil); err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
