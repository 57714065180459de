//go:build unix

package telemetry

import (
	"syscall"
	"time"
)

// ProcessTime is the processor time that the process has used. At the top of
// main it stands for the time since exec, which no clock tells better than to
// 10 ms: until then the process neither waits nor sleeps, so the two differ only
// where the processors are busy.
func ProcessTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
