//go:build !linux

package cluster

import (
	"context"
	"errors"
	"runtime"
)

// ErrNotHealthy says that the cluster is not, or not wholly, running.
var ErrNotHealthy = errors.New("the cluster is not healthy")

// Up refuses: the lab's own cluster is made of Linux namespaces and cgroups.
func (l *Lab) Up(context.Context) error { return elsewhere() }

// Down refuses, as Up does.
func (l *Lab) Down(context.Context) error { return elsewhere() }

// Status refuses, as Up does.
func (l *Lab) Status(context.Context) error { return elsewhere() }

// Logs refuses, as Up does.
func (l *Lab) Logs(string) error { return elsewhere() }

func elsewhere() error { return machine{goos: runtime.GOOS}.check() }
