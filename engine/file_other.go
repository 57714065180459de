//go:build !unix

package engine

import "os"

// mapFile is for systems with mmap.
func mapFile(*os.File) ([]byte, func()) { return nil, nil }
