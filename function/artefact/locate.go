package artefact

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"online-inference/engine"
)

// descriptionName is the file that describes a model in its folder.
const descriptionName = "model.yaml"

// Bounds of files: far above what training writes, and below what would take the
// machine's memory before anybody could say why.
const (
	maxModelBytes       = 1 << 30
	maxDescriptionBytes = 16 << 20
)

// sniffBytes of a file of a folder tell whether it is a model.
const sniffBytes = 64 << 10

// formats are the formats of model files, for messages.
const formats = "ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON"

// A NoModelError says that there is no model where one was looked for.
type NoModelError struct{ Path, Reason string }

func (e *NoModelError) Error() string { return e.Path + ": " + e.Reason }

// locate finds the model file of a path and its description, if there is one.
func locate(path string) (file, desc string, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", "", err
	case info.Mode().IsRegular(), info.Mode()&fs.ModeNamedPipe != 0:
		return path, "", nil
	case !info.IsDir():
		return "", "", &NoModelError{path, "it is neither a file nor a folder"}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", "", err
	}
	var models []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		ext := strings.ToLower(filepath.Ext(name))
		if name == descriptionName {
			desc = filepath.Join(path, name)
			continue
		}
		if ext == ".yaml" || ext == ".yml" {
			return "", "", &NoModelError{path, fmt.Sprintf("it holds %q; a description has to be called %s", name, descriptionName)}
		}
		model, err := looksLikeModel(filepath.Join(path, name))
		if err != nil {
			return "", "", err
		}
		if model {
			models = append(models, name)
		}
	}
	switch len(models) {
	case 0:
		return "", "", &NoModelError{path, "it holds no model file (" + formats + ")"}
	case 1:
		return filepath.Join(path, models[0]), desc, nil
	}
	return "", "", &NoModelError{path, fmt.Sprintf("it holds %d model files, expected one: %s", len(models), strings.Join(models, ", "))}
}

// looksLikeModel tells by its first bytes whether a file of a folder is a model.
// Whatever is no regular file, or a link to one, is none.
func looksLikeModel(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) { // a link to nowhere
		return false, nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, sniffBytes))
	return engine.Sniff(head) != "", err
}

// useModel calls use with the content of a model file, which has to look like
// one. The content is gone afterwards; use may be called twice, as engine.UseFile
// says.
func useModel(path string, use func(data []byte) error) error {
	checked := func(data []byte) error {
		switch {
		case len(data) > maxModelBytes:
			return tooLarge(path, maxModelBytes)
		case engine.Sniff(data) == "":
			return &NoModelError{path, "the content is of no format that is known (" + formats + ")"}
		}
		return use(data)
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() && info.Size() <= maxModelBytes {
		return engine.UseFile(path, checked)
	}
	data, err := readFile(path, maxModelBytes) // a pipe, or a file that is too large
	if err != nil {
		return err
	}
	return checked(data)
}

func tooLarge(path string, limit int64) error {
	return &NoModelError{path, fmt.Sprintf("it is larger than %d bytes", limit)}
}

// readFile reads a file or a pipe of bounded size.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, tooLarge(path, limit)
	}
	data := make([]byte, 0, info.Size()+1) // the read after the last sees the end
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, tooLarge(path, limit)
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = append(make([]byte, 0, max(2*len(data), 1<<16)), data...)
		}
	}
}
