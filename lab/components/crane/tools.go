//go:build tools

// Package crane pins the crane program that the lab builds.
package crane

import (
	_ "github.com/google/go-containerregistry/cmd/crane"
)
