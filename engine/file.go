package engine

import (
	"fmt"
	"os"
	"runtime/debug"
)

// LoadFile is Load on the content of a file. A large regular file is mapped into
// memory while it is read, where the system can do that, so that its pages are
// neither copied nor made: that is a tenth of the time, and memory as large as
// the file. Nobody should write to a file that is being loaded; a rename in its
// place does no harm.
func LoadFile(path string) (*Model, error) {
	m, done, err := loadMapped(path)
	if !done {
		var data []byte
		if data, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("cannot read model: %w", err)
		}
		m, err = Load(data)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot load %s: %w", path, err)
	}
	return m, nil
}

// mapFrom is the size in bytes from which on a file is mapped: below, making and
// taking back the mapping costs as much as it spares. Tests make it less.
var mapFrom int64 = 1 << 20

// mapping is mapFile, which tests get in the way of.
var mapping = mapFile

// loadMapped loads a file that is mapped. It reports not done where the file
// cannot be mapped, or has changed meanwhile in a way that the readers, which
// check everything once, do not expect: a mapping whose file gets shorter loses
// its pages. Then the file is to be read.
func loadMapped(path string) (m *Model, done bool, err error) {
	data, unmap := mapping(path)
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
