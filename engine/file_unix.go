//go:build unix

package engine

import (
	"os"
	"syscall"
)

// mapFile maps a regular file of some size for reading. It gives nil where that
// is not to be had.
func mapFile(f *os.File) (data []byte, unmap func()) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < max(mapFrom, 1) || int64(int(info.Size())) != info.Size() {
		return nil, nil
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	return data, func() {
		if err := syscall.Munmap(data); err != nil {
			panic("munmap of a whole mapping: " + err.Error())
		}
	}
}
