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
	if n, ok := plainInt(text); ok {
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

// plainInt reads up to 18 digits behind an optional sign, which cannot overflow.
func plainInt(text []byte) (int64, bool) {
	digits := text
	if len(text) > 0 && text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}

// powersOfTen are all that a float64 holds exactly.
var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Float64 reads a JSON number; it fails where the number is too large for a float64.
func Float64(text []byte) (float64, bool) {
	if f, ok := shortFloat(text); ok {
		return f, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

// shortFloat reads a number without an exponent whose digits make an integer below
// 2^53: it and the power of ten that it is divided by are then exact, and the
// quotient is rounded once (W. D. Clinger, How to read floating point numbers
// accurately, 1990).
func shortFloat(text []byte) (float64, bool) {
	i, point := 0, -1
	if len(text) > 0 && text[0] == '-' {
		i = 1
	}
	var n uint64
	if len(text) > 18 {
		return 0, false
	}
	for ; i < len(text); i++ {
		c := text[i] - '0'
		if c > 9 {
			if text[i] != '.' || point >= 0 {
				return 0, false
			}
			point = i
			continue
		}
		n = n*10 + uint64(c)
	}
	if n > maxExact || len(text) == 0 {
		return 0, false
	}
	f := float64(n)
	if point >= 0 {
		f /= powersOfTen[len(text)-1-point]
	}
	if text[0] == '-' {
		f = -f
	}
	return f, true
}
