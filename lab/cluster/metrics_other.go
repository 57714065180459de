//go:build !linux

package cluster

import "context"

// Metrics refuses, as Up does.
func (l *Lab) Metrics(context.Context) error { return elsewhere() }
