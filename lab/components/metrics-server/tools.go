//go:build tools

// Package metricsserver pins the metrics server that `lab metrics` builds.
package metricsserver

import (
	_ "sigs.k8s.io/metrics-server/cmd/metrics-server"
)
