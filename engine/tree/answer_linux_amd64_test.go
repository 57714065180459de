package tree

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// fenced is memory for n words, behind which nothing can be read or written.
func fenced(t *testing.T, n int) []uint64 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (n*8 + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(memory[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(memory[size-8*n:]))), n)
}

// TestAnswerFence: vectors read and write no byte behind the bins, the levels and
// the leaves of their rows, wherever these begin: an access faults there.
func TestAnswerFence(t *testing.T) {
	r := rand.New(rand.NewPCG(29, 30))
	for rows := 1; rows <= binBlock/8; rows++ {
		const gauges, length = 3, 8
		words, leaves := fenced(t, gauges*rows), fenced(t, rows)
		for i := range words {
			words[i] = r.Uint64() | highBits
		}
		half := fenced(t, length/2)
		levels := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(half))), length)
		for i := range levels {
			levels[i] = uint32(gauges-1-i%gauges)<<7 | uint32(1+r.IntN(maxBorders))
		}
		want := make([]uint64, rows)
		answer(hasVectors(), levels, words, rows, leaves)
		answerWords(levels, words, rows, want)
		if !slices.Equal(leaves, want) {
			t.Fatalf("%d words: %x, want %x", rows, leaves, want)
		}
	}
}
