package oip

import (
	"bytes"
	"math"
	"strconv"
)

// maxExact is 2^53: below it a float64 holds every integer, and no larger integer
// is rounded to one of them.
const maxExact = 1 << 53

// IsNumber tells whether a text is a number as JSON writes it.
func IsNumber(text []byte) bool {
	s := scanner{buf: text}
	_, err := s.number()
	return err == nil && s.pos == len(text)
}

// Int64 reads a JSON number as an integer, exactly. A number with a fraction or
// an exponent is read where it is an integer that a float64 holds exactly: 1.0
// and 1e3 are integers, 1.5 is none.
func Int64(text []byte) (int64, bool) {
	if n, ok := smallInt(text); ok {
		return n, true
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, true
	}
	f, ok := integral(text)
	return int64(f), ok
}

// Uint64 is Int64 for integers from 0 to 2^64-1.
func Uint64(text []byte) (uint64, bool) {
	if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		return n, true
	}
	n, ok := Int64(text) // -0 as well
	return uint64(max(n, 0)), ok && n >= 0
}

// integral reads a number that is written with a fraction or an exponent. Whether
// it is an integer is told by its digits: a float64 has rounded already.
func integral(text []byte) (float64, bool) {
	if !wholeDigits(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil && math.Abs(f) < maxExact
}

// wholeDigits tells whether a number with a fraction or an exponent has no digit
// but 0 behind its decimal point once the exponent has moved that.
func wholeDigits(text []byte) bool {
	mantissa, exponent, written := bytes.Cut(bytes.ToLower(bytes.TrimPrefix(text, []byte("-"))), []byte("e"))
	digits, fraction, point := bytes.Cut(mantissa, []byte("."))
	trailing := len(fraction)
	all := append(bytes.Clone(digits), fraction...)
	significant := bytes.TrimRight(all, "0")
	if len(bytes.TrimLeft(significant, "0")) == 0 {
		return written || point // zero, however small its exponent makes it
	}
	shift := 0
	if written {
		var err error
		if shift, err = strconv.Atoi(string(exponent)); err != nil {
			return false
		}
	}
	// The last significant digit stands at 10^place.
	place := shift - trailing + len(all) - len(significant)
	return (written || point) && place >= 0
}

// smallInt reads up to four plain digits: most of what tables hold.
func smallInt(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 4 {
		return 0, false
	}
	var n int64
	for _, c := range text {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

// Float64 reads a JSON number; it fails where the number is too large for a float64.
func Float64(text []byte) (float64, bool) {
	if n, ok := smallInt(text); ok {
		return float64(n), true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}
