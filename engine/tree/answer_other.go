//go:build !amd64

package tree

import (
	"encoding/binary"
	"math/bits"
)

// hasVectors says that there is only plain Go.
func hasVectors() bool { return false }

// answer writes the numbers of leaves that up to eight levels lead to, a byte a
// row, for the rows whose bins begin at words, those of a gauge stride words from
// those of the one before.
func answer(_ bool, levels []uint32, words []uint64, stride int, leaves []uint64) {
	answerWords(levels, words, stride, leaves)
	// The first row is in a word's lowest byte; in memory it has to be the first.
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		for i, k := range leaves {
			leaves[i] = bits.ReverseBytes64(k)
		}
	}
}
