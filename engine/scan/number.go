package scan

import (
	"math"
	"strconv"
)

// Powers of ten that a float64 holds exactly.
var exactTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// ParseNumber reads the decimal number at the start of s, correctly rounded, and
// tells its length, which is 0 where there is none. Besides what JSON allows it
// takes a leading "+" and the words nan, inf and infinity in any case.
//
// A number of at most 15 digits whose power of ten is exact takes one exact
// multiplication or division (Clinger, "How to read floating point numbers
// accurately", PLDI 1990); others go to strconv.
func ParseNumber(s []byte) (v float64, length int) {
	mantissa, exp, i := uint64(0), 0, 0
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		i++
	}
	start := i
	for i < len(s) && s[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(s[i]-'0')
		i++
	}
	digits := i - start
	if i < len(s) && s[i] == '.' {
		point := i + 1
		for i = point; i < len(s) && s[i]-'0' <= 9; i++ {
			mantissa = mantissa*10 + uint64(s[i]-'0')
		}
		exp = point - i
		digits += i - point
	}
	if digits == 0 {
		return word(s)
	}
	if i+1 < len(s) && s[i]|0x20 == 'e' {
		j, e, sign := i+1, 0, 1
		if s[j] == '-' || s[j] == '+' {
			if s[j] == '-' {
				sign = -1
			}
			j++
		}
		first := j
		for ; j < len(s) && s[j]-'0' <= 9; j++ {
			e = min(e*10+int(s[j]-'0'), 1<<20)
		}
		if j > first {
			exp += sign * e
			i = j
		}
	}
	// 19 digits fit 64 bits; more may have overflowed.
	if digits <= 19 && mantissa < 1<<53 && -len(exactTen) < exp && exp < len(exactTen) {
		v = float64(mantissa)
		if exp < 0 {
			v /= exactTen[-exp]
		} else {
			v *= exactTen[exp]
		}
		if negative {
			v = -v
		}
		return v, i
	}
	v, err := strconv.ParseFloat(string(s[:i]), 64)
	if err != nil && !math.IsInf(v, 0) { // out of range gives infinity, which is right
		return 0, 0
	}
	return v, i
}

// word reads the words for what has no digits.
func word(s []byte) (float64, int) {
	i := 0
	for i < len(s) && i < len("-infinity") && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' || i == 0 && (s[i] == '-' || s[i] == '+')) {
		i++
	}
	v, err := strconv.ParseFloat(string(s[:i]), 64)
	if err != nil {
		return 0, 0
	}
	return v, i
}

// number32 is ParseNumber rounded to float32 once: where the float64 lies exactly
// between two float32, or the float32 is subnormal, the digits decide anew.
func number32(s []byte) (float32, int) {
	v, n := ParseNumber(s)
	bits := math.Float64bits(v)
	if bits<<35 == 1<<63 || math.Abs(v) < 0x1p-126 && v != 0 {
		if f, err := strconv.ParseFloat(string(s[:n]), 32); err == nil {
			return float32(f), n
		}
	}
	return float32(v), n
}
