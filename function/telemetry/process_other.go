//go:build !unix

package telemetry

import "time"

// ProcessTime is not measured on this system: 0.
func ProcessTime() time.Duration { return 0 }
