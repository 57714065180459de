package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// An input is where rows come from.
type input struct {
	io.Reader
	file *os.File // nil for standard input
	info os.FileInfo
	size int64 // in bytes; 0 where nobody knows
}

// openInput opens a file, or takes standard input for -.
func openInput(ctx context.Context, name string, stdin io.Reader) (*input, error) {
	in := &input{}
	if name == "-" {
		if isTerminal(stdin) {
			return nil, usageError("no rows: name a file, or send rows to standard input")
		}
		in.Reader = stdin
		if f, ok := stdin.(*os.File); ok {
			info, err := f.Stat()
			if err != nil {
				return nil, fmt.Errorf("cannot read standard input: %w", err)
			}
			in.info = info
		}
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read rows: %w", err)
		}
		in.Reader, in.file = f, f
		if in.info, err = f.Stat(); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot read rows: %w", err), f.Close())
		}
		if in.info.IsDir() {
			return nil, errors.Join(fmt.Errorf("cannot read rows: %s is a folder", name), f.Close())
		}
	}
	if in.info != nil && in.info.Mode().IsRegular() {
		in.size = in.info.Size()
	} else {
		in.Reader = interruptible(ctx, in.Reader)
	}
	return in, nil
}

// close closes the input's file, if it opened one. It was only read.
func (in *input) close() {
	if in.file != nil {
		in.file.Close()
	}
}

// counted adds what is read to a counter.
func (in *input) counted(n *atomic.Int64) io.Reader { return &countedReader{in.Reader, n} }

type countedReader struct {
	io.Reader
	n *atomic.Int64
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}

// interruptible reads from a pipe or a terminal, where a read can wait for ever,
// in a goroutine of its own, so that the end of ctx ends the read. What the
// goroutine waits for then ends with the process.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	p := &pump{ctx: ctx, full: make(chan piece), empty: make(chan []byte, 2)}
	p.empty <- make([]byte, 64<<10)
	p.empty <- make([]byte, 64<<10)
	go func() {
		for buf := range p.empty {
			n, err := r.Read(buf)
			select {
			case p.full <- piece{buf, buf[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

type pump struct {
	ctx   context.Context
	full  chan piece
	empty chan []byte
	now   piece
}

type piece struct {
	buf, rest []byte
	err       error
}

func (p *pump) Read(to []byte) (int, error) {
	for len(p.now.rest) == 0 {
		if p.now.err != nil {
			return 0, p.now.err
		}
		if p.now.buf != nil {
			p.empty <- p.now.buf
			p.now.buf = nil
		}
		select {
		case p.now = <-p.full:
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(to, p.now.rest)
	p.now.rest = p.now.rest[n:]
	return n, nil
}

// An outFile is a file that appears under its name when it is complete. What is
// no regular file, such as /dev/stdout, is written directly.
type outFile struct {
	io.Writer
	file *os.File // nil for a stream that somebody else closes
	zip  *gzip.Writer
	name string // that it gets in the end; empty where it has it
}

// openOutput opens the file of -o, or takes standard output.
func (f *predictFlags) openOutput(in *input, stdout io.Writer) (*outFile, error) {
	if f.out == "" {
		return &outFile{Writer: stdout}, nil
	}
	return create("-o", f.out, in)
}

func (f *predictFlags) openRejects(in *input) (*outFile, error) {
	if f.rejects == "" {
		return &outFile{}, nil
	}
	if f.rejects == f.out {
		return nil, usageError("-rejects and -o name the same file")
	}
	return create("-rejects", f.rejects, in)
}

func create(flag, name string, in *input) (*outFile, error) {
	info, err := os.Stat(name)
	path := name
	switch {
	case err == nil && info.IsDir():
		return nil, usageError(fmt.Sprintf("%s: %s is a folder", flag, name))
	case err == nil && in.info != nil && os.SameFile(info, in.info) && info.Mode().IsRegular():
		return nil, usageError(fmt.Sprintf("%s: %s is the file of the rows", flag, name))
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("cannot write: %w", err)
		}
		return (&outFile{Writer: f, file: f}).compress(name), nil
	case err == nil: // a link stays one
		if path, err = filepath.EvalSymlinks(name); err != nil {
			return nil, fmt.Errorf("cannot write: %w", err)
		}
	}
	partial := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.partial", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", name, err)
	}
	return (&outFile{Writer: f, file: f, name: path}).compress(name), nil
}

// compress puts gzip in front of a file whose name asks for it.
func (o *outFile) compress(name string) *outFile {
	if strings.HasSuffix(strings.ToLower(name), ".gz") {
		o.zip = gzip.NewWriter(o.file)
		o.Writer = o.zip
	}
	return o
}

// close gives a complete file its name, and removes one that is not.
func (o *outFile) close(complete bool) error {
	if o.file == nil {
		return nil
	}
	var err error
	if o.zip != nil {
		err = o.zip.Close()
	}
	partial := o.file.Name()
	err = errors.Join(err, o.file.Close())
	switch {
	case o.name == "":
	case err == nil && complete:
		err = os.Rename(partial, o.name)
	default:
		err = errors.Join(err, os.Remove(partial))
	}
	if err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	return nil
}
