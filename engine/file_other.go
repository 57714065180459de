//go:build !unix

package engine

// mapFile is for systems with mmap.
func mapFile(string) ([]byte, func()) { return nil, nil }
