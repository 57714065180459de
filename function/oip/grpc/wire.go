package grpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireGroup   = 3
	wireEnd     = 4
	wireFixed32 = 5
)

// maxGroups bounds the nesting of groups, which only unknown fields can be.
const maxGroups = 32

var errCut = errors.New("it ends in the middle of a field")

// A field is one field of a message: its number, its wire type, and its value,
// which is bytes where the type is wireBytes and bits for the others.
type field struct {
	number int
	wire   int
	bits   uint64
	bytes  []byte
}

// fields calls f with each field of a message, in order. Groups, which no message
// here has, are passed over.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		fd, n, err := nextField(b)
		if err != nil {
			return err
		}
		b = b[n:]
		if fd.wire == wireGroup {
			if n, err = skipGroup(b, fd.number, 0); err != nil {
				return err
			}
			b = b[n:]
			continue
		}
		if err := f(fd); err != nil {
			return err
		}
	}
	return nil
}

// nextField reads a field and returns how many bytes it takes; of a group it reads
// the start alone.
func nextField(b []byte) (fd field, n int, err error) {
	tag, n, err := varint(b)
	if err != nil {
		return fd, 0, err
	}
	if tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return fd, 0, fmt.Errorf("%d is no number of a field", tag>>3)
	}
	fd.number, fd.wire = int(tag>>3), int(tag&7)
	size := 0
	switch fd.wire {
	case wireVarint:
		fd.bits, size, err = varint(b[n:])
	case wireFixed64:
		if size = 8; len(b)-n < size {
			return fd, 0, errCut
		}
		fd.bits = binary.LittleEndian.Uint64(b[n:])
	case wireFixed32:
		if size = 4; len(b)-n < size {
			return fd, 0, errCut
		}
		fd.bits = uint64(binary.LittleEndian.Uint32(b[n:]))
	case wireBytes:
		var length uint64
		if length, size, err = varint(b[n:]); err != nil {
			return fd, 0, err
		}
		if length > uint64(len(b)-n-size) {
			return fd, 0, errCut
		}
		fd.bytes = b[n+size : n+size+int(length) : n+size+int(length)]
		size += int(length)
	case wireGroup:
	default:
		return fd, 0, fmt.Errorf("field %d has the unknown wire type %d", fd.number, fd.wire)
	}
	return fd, n + size, err
}

// skipGroup returns the length of a group up to and with its end.
func skipGroup(b []byte, number, depth int) (int, error) {
	if depth > maxGroups {
		return 0, errors.New("groups are nested too deep")
	}
	at := 0
	for at < len(b) {
		tag, n, err := varint(b[at:])
		if err != nil {
			return 0, err
		}
		if tag&7 == wireEnd {
			if int(tag>>3) != number {
				return 0, errors.New("a group ends that did not begin")
			}
			return at + n, nil
		}
		fd, n, err := nextField(b[at:])
		if err != nil {
			return 0, err
		}
		at += n
		if fd.wire == wireGroup {
			if n, err = skipGroup(b[at:], fd.number, depth+1); err != nil {
				return 0, err
			}
			at += n
		}
	}
	return 0, errCut
}

// varint reads a number of up to 64 bits and returns how many bytes it takes.
func varint(b []byte) (v uint64, n int, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1, nil
	}
	v, n = binary.Uvarint(b)
	switch {
	case n == 0:
		return 0, 0, errCut
	case n < 0:
		return 0, 0, errors.New("a number has more than 64 bits")
	}
	return v, n, nil
}

// kinds of values that a known field has to have.
func (fd field) want(wire int) error {
	if fd.wire != wire {
		return fmt.Errorf("field %d has the wire type %d, expected %d", fd.number, fd.wire, wire)
	}
	return nil
}

// text reads a string.
func (fd field) text() (string, error) {
	if err := fd.want(wireBytes); err != nil {
		return "", err
	}
	if !utf8.Valid(fd.bytes) {
		return "", fmt.Errorf("field %d is not UTF-8", fd.number)
	}
	return string(fd.bytes), nil
}

// What follows appends fields. Like every writer of proto3, it leaves out what has
// the value that a reader assumes.

func appendTag(dst []byte, number, wire int) []byte {
	return binary.AppendUvarint(dst, uint64(number)<<3|uint64(wire))
}

func appendString(dst []byte, number int, s string) []byte {
	if s == "" {
		return dst
	}
	return appendElement(dst, number, s)
}

// appendElement appends an element of a repeated field of strings or bytes, which
// may be empty.
func appendElement[S string | []byte](dst []byte, number int, s S) []byte {
	dst = binary.AppendUvarint(appendTag(dst, number, wireBytes), uint64(len(s)))
	return append(dst, s...)
}

func appendUint(dst []byte, number int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return binary.AppendUvarint(appendTag(dst, number, wireVarint), v)
}

func appendBool(dst []byte, number int, v bool) []byte {
	if !v {
		return dst
	}
	return append(appendTag(dst, number, wireVarint), 1)
}

// appendMessage appends a field whose length is known only once it is written.
func appendMessage(dst []byte, number int, write func([]byte) []byte) []byte {
	dst = append(appendTag(dst, number, wireBytes), 0)
	start := len(dst)
	dst = write(dst)
	return insertLength(dst, start)
}

// insertLength writes the length of dst[start:] into the byte before start, and
// makes room for more bytes where it needs them.
func insertLength(dst []byte, start int) []byte {
	n := len(dst) - start
	if n < 0x80 {
		dst[start-1] = byte(n)
		return dst
	}
	var buf [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(buf[:], uint64(n))
	dst = append(dst, buf[:size-1]...)
	copy(dst[start+size-1:], dst[start:start+n])
	copy(dst[start-1:], buf[:size])
	return dst
}

// appendShape appends a packed field of int64.
func appendShape(dst []byte, number int, shape []int) []byte {
	if len(shape) == 0 {
		return dst
	}
	return appendMessage(dst, number, func(dst []byte) []byte {
		for _, d := range shape {
			dst = binary.AppendUvarint(dst, uint64(int64(d)))
		}
		return dst
	})
}
