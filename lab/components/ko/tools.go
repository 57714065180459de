//go:build tools

// Package ko pins the ko program that the lab builds.
package ko

import (
	_ "github.com/google/ko"
)
