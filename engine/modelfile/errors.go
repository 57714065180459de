// Package modelfile says what can be wrong with a model file and how large a
// part of one may be: the error types and the limits that all formats share.
// Model files are untrusted input.
package modelfile

import (
	"errors"
	"fmt"
)

// ErrLimit is what errors.Is finds in the error of a file that goes beyond one
// of the limits of this package.
var ErrLimit = errors.New("the file goes beyond a limit")

// A FormatError says that the bytes are not a sound file of their format, or
// that they go beyond a limit.
type FormatError struct {
	Format string // "onnx"
	Offset int    // of the byte where reading stopped, -1 where none can be named
	Reason string
	Limit  bool // a limit is the reason: errors.Is(err, ErrLimit)
}

// Malformed is the error of a file in which no place can be named. Where cause
// is about a limit, so is the error.
func Malformed(format string, cause error) *FormatError {
	return &FormatError{Format: format, Offset: -1, Reason: cause.Error(), Limit: errors.Is(cause, ErrLimit)}
}

// Exceeds is a cause that errors.Is finds to be ErrLimit.
func Exceeds(format string, args ...any) error {
	return &excess{fmt.Sprintf(format, args...)}
}

type excess struct{ reason string }

func (e *excess) Error() string { return e.reason }

func (e *excess) Is(target error) bool { return target == ErrLimit }

// Is tells errors.Is which of these errors are about limits.
func (e *FormatError) Is(target error) bool { return e.Limit && target == ErrLimit }

func (e *FormatError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("malformed %s file: %s", e.Format, e.Reason)
	}
	return fmt.Sprintf("malformed %s file at byte %d: %s", e.Format, e.Offset, e.Reason)
}

// An UnsupportedError says that a file is sound but asks for something that the
// engine does not do. It is raised at load, never while scoring.
type UnsupportedError struct {
	Format string // "onnx"
	Op     string // the operator or objective with its domain, "ai.onnx.ml.TfIdfVectorizer"; empty where none is to blame
	Node   string // the node's name in the file; # and its place, from 0, where it has none
	Reason string
}

func (e *UnsupportedError) Error() string {
	switch {
	case e.Op == "":
		return fmt.Sprintf("unsupported %s file: %s", e.Format, e.Reason)
	case e.Node == "":
		return fmt.Sprintf("unsupported %s operator %s: %s", e.Format, e.Op, e.Reason)
	case e.Node[0] == '#':
		return fmt.Sprintf("unsupported %s operator %s in node %s: %s", e.Format, e.Op, e.Node[1:], e.Reason)
	default:
		return fmt.Sprintf("unsupported %s operator %s in node %q: %s", e.Format, e.Op, e.Node, e.Reason)
	}
}

// A ValueError says that a value in a batch is one that the model refuses, such
// as a category that its encoder does not know.
type ValueError struct {
	Row    int // of the batch, from 0
	Reason string
}

func (e *ValueError) Error() string { return fmt.Sprintf("row %d: %s", e.Row, e.Reason) }
