package tree

import "unsafe"

// hasVectors asks the processor for AVX2, and whether the system lets it be used.
// On a virtual machine that may take some ten microseconds.
func hasVectors() bool

// answerVectors is answerWords with AVX2, for chunks of 32 rows and at least one
// level. It reads and writes the bytes of these rows and no others.
//
//go:noescape
func answerVectors(levels *uint32, n int, words unsafe.Pointer, step uintptr, leaves unsafe.Pointer, chunks int)

// answer writes the numbers of leaves that up to eight levels lead to, a byte a
// row, for the rows whose bins begin at words, those of a gauge stride words from
// those of the one before.
func answer(vectors bool, levels []uint32, words []uint64, stride int, leaves []uint64) {
	if chunks := len(leaves) / 4; vectors && chunks > 0 && len(levels) > 0 {
		answerVectors(unsafe.SliceData(levels), len(levels), unsafe.Pointer(unsafe.SliceData(words)), uintptr(stride)*8, unsafe.Pointer(unsafe.SliceData(leaves)), chunks)
		if leaves = leaves[4*chunks:]; len(leaves) == 0 {
			return
		}
		words = words[4*chunks:]
	}
	answerWords(levels, words, stride, leaves)
}
