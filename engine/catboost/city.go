package catboost

import (
	"encoding/binary"
	"math/bits"
)

// CatBoost knows a category by the lower 32 bits of CityHash64 in its first
// public form, version 1.0 (Pike and Alakuijala, Google 2011). Later versions of
// the hash differ for texts of up to 64 bytes.

// Multipliers of CityHash: primes between 2^63 and 2^64.
const (
	k0 = 0xc3a5c85c97cb3127
	k1 = 0xb492b66fbe98f273
	k2 = 0x9ae16a3b2f90404f
	k3 = 0xc949d7c7509e6557
)

// hash is the number that stands for a text.
func hash(s string) int32 { return int32(uint32(cityHash64([]byte(s)))) }

func load64(s []byte) uint64 { return binary.LittleEndian.Uint64(s) }
func load32(s []byte) uint64 { return uint64(binary.LittleEndian.Uint32(s)) }

func rotr(v uint64, n int) uint64 { return bits.RotateLeft64(v, -n) }
func fold(v uint64) uint64        { return v ^ v>>47 }

// pair mixes two words into one.
func pair(u, v uint64) uint64 {
	const mul = 0x9ddfea08eb382d69
	a := fold((u ^ v) * mul)
	return fold((v^a)*mul) * mul
}

func cityHash64(s []byte) uint64 {
	n := uint64(len(s))
	switch {
	case n == 0:
		return k2
	case n < 4:
		y := uint32(s[0]) + uint32(s[n>>1])<<8
		z := uint32(n) + uint32(s[n-1])<<2
		return fold(uint64(y)*k2^uint64(z)*k3) * k2
	case n <= 8:
		return pair(n+load32(s)<<3, load32(s[n-4:]))
	case n <= 16:
		b := load64(s[n-8:])
		return pair(load64(s), rotr(b+n, int(n))) ^ b
	case n <= 32:
		a, b, c, d := load64(s)*k1, load64(s[8:]), load64(s[n-8:])*k2, load64(s[n-16:])*k0
		return pair(rotr(a-b, 43)+rotr(c, 30)+d, a+rotr(b^k3, 20)-c+n)
	case n <= 64:
		return upTo64(s)
	}
	return long(s)
}

// upTo64 is for 33 to 64 bytes: both ends are mixed alike, then each other.
func upTo64(s []byte) uint64 {
	n := uint64(len(s))
	half := func(a, z, p, q uint64) (first, second uint64) {
		b, c := rotr(a+z, 52), rotr(a, 37)
		a += p
		c += rotr(a, 7)
		a += q
		return a + z, b + rotr(a, 31) + c
	}
	vf, vs := half(load64(s)+(n+load64(s[n-16:]))*k0, load64(s[24:]), load64(s[8:]), load64(s[16:]))
	wf, ws := half(load64(s[16:])+load64(s[n-32:]), load64(s[n-8:]), load64(s[n-24:]), load64(s[n-16:]))
	r := fold((vf+ws)*k2 + (wf+vs)*k0)
	return fold(r*k0+vs) * k2
}

// mix32 mixes 32 bytes with two seeds.
func mix32(s []byte, a, b uint64) (uint64, uint64) {
	z := load64(s[24:])
	a += load64(s)
	b = rotr(b+a+z, 21)
	c := a
	a += load64(s[8:]) + load64(s[16:])
	return a + z, b + rotr(a, 44) + c
}

// long is for more than 64 bytes: 56 bytes of state, begun with the end of the
// text, take in 64 bytes at a time.
func long(s []byte) uint64 {
	n := uint64(len(s))
	x, y, z := load64(s), load64(s[n-16:])^k1, load64(s[n-56:])^k0
	v1, v2 := mix32(s[n-64:], n, y)
	w1, w2 := mix32(s[n-32:], n*k1, k0)
	z += fold(v2) * k1
	x = rotr(z+x, 39) * k1
	y = rotr(y, 33) * k1
	for left := (n - 1) &^ 63; left > 0; left -= 64 {
		x = rotr(x+y+v1+load64(s[16:]), 37) * k1
		y = rotr(y+v2+load64(s[48:]), 42) * k1
		x ^= w2
		y ^= v1
		z = rotr(z^w1, 33)
		v1, v2 = mix32(s, v2*k1, x+w1)
		w1, w2 = mix32(s[32:], z+w2, y)
		z, x = x, z
		s = s[64:]
	}
	return pair(pair(v1, w1)+fold(y)*k1+z, pair(v2, w2)+x)
}
