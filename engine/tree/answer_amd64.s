#include "textflag.h"

// func answerVectors(levels *uint32, n int, words unsafe.Pointer, step uintptr, leaves unsafe.Pointer, chunks int)
//
// Chunks of 32 rows go four at a time, then one at a time, through all levels.
// SI levels, BX their number, DI bins of the first gauge, DX bytes from gauge to
// gauge, R8 leaves, R9 chunks left. The byte that a bin has to be above, with its
// upper bit set like theirs, is in all of Y8; seen as signed bytes both are in
// order. True is -1, so that it is subtracted.
TEXT ·answerVectors(SB), NOSPLIT, $0-48
	MOVQ levels+0(FP), SI
	MOVQ n+8(FP), BX
	MOVQ words+16(FP), DI
	MOVQ step+24(FP), DX
	MOVQ leaves+32(FP), R8
	MOVQ chunks+40(FP), R9

four:
	CMPQ R9, $4
	JLT  one
	MOVQ SI, R10
	MOVQ BX, R11
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

fourLevel:
	MOVL  (R10), AX
	ADDQ  $4, R10
	MOVL  AX, CX
	SHRL  $7, AX
	IMULQ DX, AX
	ANDL  $127, CX
	ADDL  $127, CX
	VMOVD CX, X8
	VPBROADCASTB X8, Y8
	ADDQ  DI, AX
	VMOVDQU (AX), Y4
	VMOVDQU 32(AX), Y5
	VMOVDQU 64(AX), Y6
	VMOVDQU 96(AX), Y7
	VPADDB Y0, Y0, Y0
	VPADDB Y1, Y1, Y1
	VPADDB Y2, Y2, Y2
	VPADDB Y3, Y3, Y3
	VPCMPGTB Y8, Y4, Y4
	VPCMPGTB Y8, Y5, Y5
	VPCMPGTB Y8, Y6, Y6
	VPCMPGTB Y8, Y7, Y7
	VPSUBB Y4, Y0, Y0
	VPSUBB Y5, Y1, Y1
	VPSUBB Y6, Y2, Y2
	VPSUBB Y7, Y3, Y3
	DECQ  R11
	JNE   fourLevel
	VMOVDQU Y0, (R8)
	VMOVDQU Y1, 32(R8)
	VMOVDQU Y2, 64(R8)
	VMOVDQU Y3, 96(R8)
	ADDQ  $128, DI
	ADDQ  $128, R8
	SUBQ  $4, R9
	JMP   four

one:
	TESTQ R9, R9
	JEQ   done
	MOVQ SI, R10
	MOVQ BX, R11
	VPXOR Y0, Y0, Y0

oneLevel:
	MOVL  (R10), AX
	ADDQ  $4, R10
	MOVL  AX, CX
	SHRL  $7, AX
	IMULQ DX, AX
	ANDL  $127, CX
	ADDL  $127, CX
	VMOVD CX, X8
	VPBROADCASTB X8, Y8
	VMOVDQU (DI)(AX*1), Y4
	VPADDB Y0, Y0, Y0
	VPCMPGTB Y8, Y4, Y4
	VPSUBB Y4, Y0, Y0
	DECQ  R11
	JNE   oneLevel
	VMOVDQU Y0, (R8)
	ADDQ  $32, DI
	ADDQ  $32, R8
	DECQ  R9
	JMP   one

done:
	VZEROUPPER
	RET

// func hasVectors() bool
//
// AVX2 is usable where the processor has it and the system keeps its registers:
// XSAVE and AVX by leaf 1, AVX2 by leaf 7, the registers by XCR0.
TEXT ·hasVectors(SB), NOSPLIT, $0-1
	MOVB  $0, ret+0(FP)
	XORL  AX, AX
	XORL  CX, CX
	CPUID
	CMPL  AX, $7
	JLT   no
	MOVL  $1, AX
	XORL  CX, CX
	CPUID
	ANDL  $0x18000000, CX
	CMPL  CX, $0x18000000
	JNE   no
	XORL  CX, CX
	XGETBV
	ANDL  $6, AX
	CMPL  AX, $6
	JNE   no
	MOVL  $7, AX
	XORL  CX, CX
	CPUID
	ANDL  $0x20, BX
	JEQ   no
	MOVB  $1, ret+0(FP)

no:
	RET
