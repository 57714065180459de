package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// readFloats reads a file of little-endian numbers.
func readFloats[F any](path string, size int, decode func([]byte) F) ([]F, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data)%size != 0 {
		return nil, fmt.Errorf("%s: %d bytes are no numbers of %d bytes each", path, len(data), size)
	}
	all := make([]F, len(data)/size)
	for i := range all {
		all[i] = decode(data[i*size:])
	}
	return all, nil
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
