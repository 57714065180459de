package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// LoadFile is Load on the content of a file, which is there as UseFile has it.
func LoadFile(path string) (m *Model, err error) {
	var loadErr error
	err = UseFile(path, func(data []byte) error {
		m, loadErr = Load(data)
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read model: %w", err)
	case loadErr != nil:
		return nil, fmt.Errorf("cannot load %s: %w", path, loadErr)
	}
	return m, nil
}

// UseFile calls use with the content of a file and gives its error. The content is
// gone when use returns; Load keeps nothing of it.
//
// A regular file of some size is mapped into memory, where the system can do that,
// so that its pages are neither copied nor made: that is a tenth of the time that
// loading takes, and memory as large as the file. Nobody should write to a file
// that is in use; a rename in its place does no harm. Where it does get shorter,
// use is called again with what is left.
func UseFile(path string, use func(data []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	done, used := useMapped(f, use)
	if done {
		return errors.Join(used, f.Close())
	}
	data, err := read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return use(data)
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

// useMapped is UseFile for a file that is mapped. It reports not done where the
// file cannot be mapped, or has changed meanwhile in a way that readers, which
// check everything once, do not expect: a mapping whose file gets shorter loses
// its pages. Then the file is to be read.
func useMapped(f *os.File, use func(data []byte) error) (done bool, err error) {
	data, unmap := mapping(f)
	if data == nil {
		return false, nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer unmap()
	defer func() {
		if recover() != nil { // a fault of ours comes back on what is read, and is not caught there
			done, err = false, nil
		}
	}()
	return true, use(data)
}
