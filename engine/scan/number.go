package scan

import (
	"math"
	"math/bits"
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
// accurately", PLDI 1990); one of at most 19 digits with a power of ten up to 27
// takes one in 128 bits; others go to strconv.
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
	// 19 digits fit 64 bits, zeros in front not counted; more may have overflowed.
	for at := start; digits > 19 && (s[at] == '0' || s[at] == '.'); at++ {
		if s[at] == '0' {
			digits--
		}
	}
	if digits <= 19 {
		switch {
		case mantissa < 1<<53 && 0 <= exp && exp < len(exactTen):
			v = float64(mantissa) * exactTen[exp]
		case mantissa < 1<<53 && exp < 0 && -exp < len(exactTen):
			v = float64(mantissa) / exactTen[-exp]
		case -len(exactFive) < exp && exp < len(exactFive):
			v = scale(mantissa, exp)
		default:
			return slow(s[:i])
		}
		if negative {
			v = -v
		}
		return v, i
	}
	return slow(s[:i])
}

// slow reads what the fast ways cannot.
func slow(s []byte) (float64, int) {
	v, err := strconv.ParseFloat(string(s), 64)
	if err != nil && !math.IsInf(v, 0) { // out of range gives infinity, which is right
		return 0, 0
	}
	return v, len(s)
}

// exactFive are the powers of five that 64 bits hold.
var exactFive = [...]uint64{
	1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125, 6103515625,
	30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125, 95367431640625, 476837158203125,
	2384185791015625, 11920928955078125, 59604644775390625, 298023223876953125, 1490116119384765625, 7450580596923828125,
}

// scale is m * 10^exp, rounded once: the product with a power of five, or the
// quotient, is exact in 64 bits and a note of whether anything is left, and a
// power of two only moves the exponent. With a power of at most 27 the result is
// neither subnormal nor too large.
func scale(m uint64, exp int) float64 {
	if m == 0 {
		return 0
	}
	zeros := bits.LeadingZeros64(m)
	m <<= zeros
	var q, rest uint64
	power := exp - zeros // of two, by which q is to be multiplied
	if exp < 0 {
		d := exactFive[-exp]
		down := bits.LeadingZeros64(d)
		q, rest = bits.Div64(m>>1, m<<63, d<<down) // the quotient has 63 or 64 bits
		power += down - 63
	} else {
		q, rest = bits.Mul64(m, exactFive[exp])
		power += 64
		up := bits.LeadingZeros64(q)
		q = q<<up | rest>>(64-up)
		rest <<= up
		power -= up
	}
	drop := 11 - bits.LeadingZeros64(q) // bits beyond the 53 that a float64 holds
	low := q & (1<<drop - 1)
	half := uint64(1) << (drop - 1)
	q >>= drop
	if low > half || low == half && (rest != 0 || q&1 != 0) {
		q++ // if that makes 2^53, the sum below carries into the exponent
	}
	return math.Float64frombits(uint64(power+drop+52+1022)<<52 + q)
}

// word reads the words for what has no digits.
func word(s []byte) (float64, int) {
	i := 0
	for i < len(s) && i < len("-infinity") && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' || i == 0 && (s[i] == '-' || s[i] == '+')) {
		i++
	}
	if i < len("nan") { // the shortest word; to find that out by an error costs an allocation
		return 0, 0
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
