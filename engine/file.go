package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// LoadFile is Load on the content of a file. A regular file of some size is mapped into
// memory while it is read, where the system can do that, so that its pages are
// neither copied nor made: that is a tenth of the time, and memory as large as
// the file. Nobody should write to a file that is being loaded; a rename in its
// place does no harm.
func LoadFile(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read model: %w", err)
	}
	m, done, loadErr := loadMapped(f)
	if done {
		err = f.Close()
	} else {
		var data []byte
		data, err = read(f)
		if err = errors.Join(err, f.Close()); err == nil {
			m, loadErr = Load(data)
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read model: %w", err)
	case loadErr != nil:
		return nil, fmt.Errorf("cannot load %s: %w", path, loadErr)
	}
	return m, nil
}

// read is the whole content, into memory of its size where that is known. It may
// be a pipe's, which is there once.
func read(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || int64(int(info.Size())) != info.Size() { // procfs tells no sizes
		return io.ReadAll(f)
	}
	data := make([]byte, info.Size()) // ReadAt: a mapping that failed has moved nothing
	n, err := f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) { // it got shorter
		err = nil
	}
	return data[:n], err
}

// mapFrom is the size in bytes from which on a file is mapped: below, making and
// taking back the mapping costs as much as it spares. Tests make it less.
var mapFrom int64 = 1 << 16

// mapping is mapFile, which tests get in the way of.
var mapping = mapFile

// loadMapped loads a file that is mapped. It reports not done where the file
// cannot be mapped, or has changed meanwhile in a way that the readers, which
// check everything once, do not expect: a mapping whose file gets shorter loses
// its pages. Then the file is to be read.
func loadMapped(f *os.File) (m *Model, done bool, err error) {
	data, unmap := mapping(f)
	if data == nil {
		return nil, false, nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer unmap()
	defer func() {
		if recover() != nil { // a fault of ours comes back on what is read, and is not caught there
			m, done, err = nil, false, nil
		}
	}()
	m, err = Load(data)
	return m, true, err
}
