//go:build unix

package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	// All files are mapped, so that a reference that a model keeps to one is a fault.
	mapFrom = 1
	os.Exit(m.Run())
}

const someModel = "testdata/golden/xgb_early_stop/model.ubj"

// TestLoadFile: mapped or read, a file gives the same model or the same error.
func TestLoadFile(t *testing.T) {
	data, err := os.ReadFile(someModel)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"sound": data, "cut": data[:len(data)/2], "empty": {}, "other": []byte("this is no model")} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var m *Model
		done, err := useMapped(f, func(data []byte) (err error) {
			m, err = Load(data)
			return err
		})
		f.Close()
		if done != (len(content) > 0) {
			t.Errorf("%s: mapped %v", name, done)
		}
		read, readErr := Load(content)
		if done && ((err == nil) != (readErr == nil) || err != nil && err.Error() != readErr.Error() || (m == nil) != (read == nil)) {
			t.Errorf("%s: mapped %v, read %v", name, err, readErr)
		}
		if m, err := LoadFile(path); (m == nil) != (name != "sound") || (err == nil) != (name == "sound") {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := LoadFile(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := LoadFile(dir); err == nil {
		t.Error("a folder is a model")
	}
}

// TestFileGetsShorter: a file that is cut while it is mapped is an error of the
// load and no end of the process.
func TestFileGetsShorter(t *testing.T) {
	data, err := os.ReadFile(someModel)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.ubj")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	old := mapping
	defer func() { mapping = old }()
	mapping = func(f *os.File) ([]byte, func()) {
		data, unmap := old(f)
		if err := os.Truncate(path, 0); err != nil {
			t.Error(err)
		}
		return data, unmap
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if done, err := useMapped(f, func(data []byte) error { _, err := Load(data); return err }); done || err != nil {
		t.Errorf("a file that is gone: %v, %v", done, err)
	}
	if m, err := LoadFile(path); m != nil || err == nil {
		t.Errorf("a file of no bytes: %v, %v", m, err)
	}
}

// TestPipe: a pipe gives its content once.
func TestPipe(t *testing.T) {
	data, err := os.ReadFile(someModel)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, data, 0o600) }()
	if m, err := LoadFile(path); m == nil || err != nil {
		t.Errorf("%v, %v", m, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
