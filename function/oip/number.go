package oip

import (
	"math"
	"strconv"
)

// maxExact is 2^53: below it a float64 holds every integer, and no larger integer
// is rounded to one of them.
const maxExact = 1 << 53

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
	f, ok := integral(text)
	return uint64(max(f, 0)), ok && f >= 0
}

// integral reads a number that is written with a fraction or an exponent.
func integral(text []byte) (float64, bool) {
	written := false
	for _, c := range text {
		written = written || c == '.' || c == 'e' || c == 'E'
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, written && err == nil && f == math.Trunc(f) && math.Abs(f) < maxExact
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
