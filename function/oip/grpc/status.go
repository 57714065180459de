package grpc

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A Code is how a call ended, by gRPC's numbers.
type Code uint8

// The codes that this server answers.
const (
	OK                Code = 0
	Canceled          Code = 1
	InvalidArgument   Code = 3
	DeadlineExceeded  Code = 4
	NotFound          Code = 5
	ResourceExhausted Code = 8
	Unimplemented     Code = 12
	Internal          Code = 13
	Unavailable       Code = 14
)

// codes name the codes, and tell the status by which REST says the same: calls and
// requests are counted in one metric, by one label.
var codes = [...]struct {
	name string
	http int
}{
	OK:                {"OK", http.StatusOK},
	Canceled:          {"CANCELLED", 499},
	InvalidArgument:   {"INVALID_ARGUMENT", http.StatusBadRequest},
	DeadlineExceeded:  {"DEADLINE_EXCEEDED", http.StatusRequestTimeout},
	NotFound:          {"NOT_FOUND", http.StatusNotFound},
	ResourceExhausted: {"RESOURCE_EXHAUSTED", http.StatusRequestEntityTooLarge},
	Unimplemented:     {"UNIMPLEMENTED", http.StatusNotImplemented},
	Internal:          {"INTERNAL", http.StatusInternalServerError},
	Unavailable:       {"UNAVAILABLE", http.StatusServiceUnavailable},
}

// String is gRPC's name of the code.
func (c Code) String() string { return codes[c].name }

// HTTP is the status by which REST says the same.
func (c Code) HTTP() int { return codes[c].http }

// A Status is the error of a call.
type Status struct {
	Code    Code
	Message string
}

func (s *Status) Error() string { return s.Message }

// errorf makes a Status.
func errorf(code Code, format string, args ...any) error {
	return &Status{code, fmt.Sprintf(format, args...)}
}

// statusOf is the status that an error stands for. What is none is our own fault
// and told to the log only.
func statusOf(err error) *Status {
	var s *Status
	if errors.As(err, &s) {
		return s
	}
	return &Status{Internal, "internal error"}
}

// appendMessageText appends an error's text as the header grpc-message takes it:
// what is no printable ASCII, and the percent sign, is escaped.
func appendMessageText(dst []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// maxTimeout bounds the time that a client can ask for, so that it fits a Duration.
const maxTimeout = 1000 * time.Hour

// timeout reads the header grpc-timeout, which is up to eight digits and a unit.
func timeout(text string) (time.Duration, error) {
	bad := errorf(InvalidArgument, "grpc-timeout %s: expected 1 to 8 digits and one of H, M, S, m, u, n", quote(text))
	if len(text) < 2 || len(text) > 9 {
		return 0, bad
	}
	var unit time.Duration
	switch text[len(text)-1] {
	case 'H':
		unit = time.Hour
	case 'M':
		unit = time.Minute
	case 'S':
		unit = time.Second
	case 'm':
		unit = time.Millisecond
	case 'u':
		unit = time.Microsecond
	case 'n':
		unit = time.Nanosecond
	default:
		return 0, bad
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if err != nil {
		return 0, bad
	}
	if n > uint64(maxTimeout/unit) {
		return maxTimeout, nil
	}
	return time.Duration(n) * unit, nil
}
