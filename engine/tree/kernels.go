package tree

import (
	"math/bits"
	"unsafe"
)

// The kernels. Eight walks go in lock-step: while one waits for memory the
// others go on, and no step has a branch to mispredict. The places of the
// walks are stored after each step although only the last are read: the
// compiler then keeps the steps of the walks apart and all of them in
// registers, where it would otherwise load ahead for all eight and spill.
//
// The pointers are to the nodes of a layout and to a row of keys, or eight rows
// whose keys alternate. Layouts are made of checked nodes only, so that every
// column is within the keys and every step ends at a node.

// lanes is how many walks go at once.
const lanes = 8

// look is how many steps are taken before walks that are not expected to go
// all the way are asked whether they have all ended.
const look = 4

// pace is the number of steps between two such questions.
func (t *ref) pace() int32 {
	if t.deep {
		return look
	}
	return t.steps
}

func narrowAt(nodes unsafe.Pointer, k uint64) uint64 {
	return *(*uint64)(unsafe.Add(nodes, k*8))
}

// wideAt is the threshold of a wide node, or with linkAt added its link.
func wideAt(nodes unsafe.Pointer, k uint64) uint64 {
	return *(*uint64)(unsafe.Add(nodes, k*8))
}

// narrowStep takes one step with one row of keys.
func narrowStep(nodes, keys unsafe.Pointer, k uint64) uint64 {
	n := narrowAt(nodes, k)
	_, yes := bits.Sub64(*(*uint64)(unsafe.Add(keys, n&0xffff)), n, 0)
	k, _ = bits.Add64(k, uint64(int64(int32(n))>>16), yes)
	return k
}

// narrowLane takes one step with one of eight rows of keys.
func narrowLane(nodes, keys unsafe.Pointer, k uint64) uint64 {
	n := narrowAt(nodes, k)
	_, yes := bits.Sub64(*(*uint64)(unsafe.Add(keys, (n&0xffff)*lanes)), n, 0)
	k, _ = bits.Add64(k, uint64(int64(int32(n))>>16), yes)
	return k
}

// wideStep is narrowStep for wide nodes.
func wideStep(nodes, keys unsafe.Pointer, k uint64) uint64 {
	link := wideAt(unsafe.Add(nodes, 8*linkAt), k)
	_, yes := bits.Sub64(*(*uint64)(unsafe.Add(keys, uint64(uint32(link)))), wideAt(nodes, k), 0)
	k, _ = bits.Add64(k, uint64(int64(link)>>32), yes)
	return k
}

// wideLane is narrowLane for wide nodes.
func wideLane(nodes, keys unsafe.Pointer, k uint64) uint64 {
	link := wideAt(unsafe.Add(nodes, 8*linkAt), k)
	_, yes := bits.Sub64(*(*uint64)(unsafe.Add(keys, uint64(uint32(link))*lanes)), wideAt(nodes, k), 0)
	k, _ = bits.Add64(k, uint64(int64(link)>>32), yes)
	return k
}

// narrowTrees takes one row down eight trees and gives the payloads of the leaves.
func narrowTrees(nodes, keys unsafe.Pointer, trees *[lanes]ref, ends *[lanes]uint64) {
	steps, pace := trees[lanes-1].steps, trees[lanes-1].pace() // the deepest: trees are sorted
	k0 := uint64(trees[0].root)
	k1 := uint64(trees[1].root)
	k2 := uint64(trees[2].root)
	k3 := uint64(trees[3].root)
	k4 := uint64(trees[4].root)
	k5 := uint64(trees[5].root)
	k6 := uint64(trees[6].root)
	k7 := uint64(trees[7].root)
	for left, stride := steps, pace; left > 0; {
		n := min(left, stride)
		for range n {
			k0 = narrowStep(nodes, keys, k0)
			ends[0] = k0
			k1 = narrowStep(nodes, keys, k1)
			ends[1] = k1
			k2 = narrowStep(nodes, keys, k2)
			ends[2] = k2
			k3 = narrowStep(nodes, keys, k3)
			ends[3] = k3
			k4 = narrowStep(nodes, keys, k4)
			ends[4] = k4
			k5 = narrowStep(nodes, keys, k5)
			ends[5] = k5
			k6 = narrowStep(nodes, keys, k6)
			ends[6] = k6
			k7 = narrowStep(nodes, keys, k7)
			ends[7] = k7
		}
		if left -= n; left > 0 && uint32(narrowAt(nodes, k0))|uint32(narrowAt(nodes, k1))|uint32(narrowAt(nodes, k2))|uint32(narrowAt(nodes, k3))|uint32(narrowAt(nodes, k4))|uint32(narrowAt(nodes, k5))|uint32(narrowAt(nodes, k6))|uint32(narrowAt(nodes, k7)) == 0 {
			break
		}
	}
	ends[0] = narrowAt(nodes, k0) >> 32
	ends[1] = narrowAt(nodes, k1) >> 32
	ends[2] = narrowAt(nodes, k2) >> 32
	ends[3] = narrowAt(nodes, k3) >> 32
	ends[4] = narrowAt(nodes, k4) >> 32
	ends[5] = narrowAt(nodes, k5) >> 32
	ends[6] = narrowAt(nodes, k6) >> 32
	ends[7] = narrowAt(nodes, k7) >> 32
}

// narrowRows takes eight rows down one tree.
func narrowRows(nodes, keys unsafe.Pointer, t *ref, ends *[lanes]uint64) {
	steps, pace := t.steps, t.pace()
	k0 := uint64(t.root)
	k1, k2, k3, k4, k5, k6, k7 := k0, k0, k0, k0, k0, k0, k0
	for left, stride := steps, pace; left > 0; {
		n := min(left, stride)
		for range n {
			k0 = narrowLane(nodes, keys, k0)
			ends[0] = k0
			k1 = narrowLane(nodes, unsafe.Add(keys, 8), k1)
			ends[1] = k1
			k2 = narrowLane(nodes, unsafe.Add(keys, 16), k2)
			ends[2] = k2
			k3 = narrowLane(nodes, unsafe.Add(keys, 24), k3)
			ends[3] = k3
			k4 = narrowLane(nodes, unsafe.Add(keys, 32), k4)
			ends[4] = k4
			k5 = narrowLane(nodes, unsafe.Add(keys, 40), k5)
			ends[5] = k5
			k6 = narrowLane(nodes, unsafe.Add(keys, 48), k6)
			ends[6] = k6
			k7 = narrowLane(nodes, unsafe.Add(keys, 56), k7)
			ends[7] = k7
		}
		if left -= n; left > 0 && uint32(narrowAt(nodes, k0))|uint32(narrowAt(nodes, k1))|uint32(narrowAt(nodes, k2))|uint32(narrowAt(nodes, k3))|uint32(narrowAt(nodes, k4))|uint32(narrowAt(nodes, k5))|uint32(narrowAt(nodes, k6))|uint32(narrowAt(nodes, k7)) == 0 {
			break
		}
	}
	ends[0] = narrowAt(nodes, k0) >> 32
	ends[1] = narrowAt(nodes, k1) >> 32
	ends[2] = narrowAt(nodes, k2) >> 32
	ends[3] = narrowAt(nodes, k3) >> 32
	ends[4] = narrowAt(nodes, k4) >> 32
	ends[5] = narrowAt(nodes, k5) >> 32
	ends[6] = narrowAt(nodes, k6) >> 32
	ends[7] = narrowAt(nodes, k7) >> 32
}

// wideTrees is narrowTrees for wide nodes.
func wideTrees(nodes, keys unsafe.Pointer, trees *[lanes]ref, ends *[lanes]uint64) {
	steps, pace := trees[lanes-1].steps, trees[lanes-1].pace() // the deepest: trees are sorted
	k0 := uint64(trees[0].root)
	k1 := uint64(trees[1].root)
	k2 := uint64(trees[2].root)
	k3 := uint64(trees[3].root)
	k4 := uint64(trees[4].root)
	k5 := uint64(trees[5].root)
	k6 := uint64(trees[6].root)
	k7 := uint64(trees[7].root)
	for left, stride := steps, pace; left > 0; {
		n := min(left, stride)
		for range n {
			k0 = wideStep(nodes, keys, k0)
			ends[0] = k0
			k1 = wideStep(nodes, keys, k1)
			ends[1] = k1
			k2 = wideStep(nodes, keys, k2)
			ends[2] = k2
			k3 = wideStep(nodes, keys, k3)
			ends[3] = k3
			k4 = wideStep(nodes, keys, k4)
			ends[4] = k4
			k5 = wideStep(nodes, keys, k5)
			ends[5] = k5
			k6 = wideStep(nodes, keys, k6)
			ends[6] = k6
			k7 = wideStep(nodes, keys, k7)
			ends[7] = k7
		}
		if left -= n; left > 0 && wideAt(nodes, k0+linkAt)|wideAt(nodes, k1+linkAt)|wideAt(nodes, k2+linkAt)|wideAt(nodes, k3+linkAt)|wideAt(nodes, k4+linkAt)|wideAt(nodes, k5+linkAt)|wideAt(nodes, k6+linkAt)|wideAt(nodes, k7+linkAt) == 0 {
			break
		}
	}
	ends[0] = wideAt(nodes, k0)
	ends[1] = wideAt(nodes, k1)
	ends[2] = wideAt(nodes, k2)
	ends[3] = wideAt(nodes, k3)
	ends[4] = wideAt(nodes, k4)
	ends[5] = wideAt(nodes, k5)
	ends[6] = wideAt(nodes, k6)
	ends[7] = wideAt(nodes, k7)
}

// wideRows is narrowRows for wide nodes.
func wideRows(nodes, keys unsafe.Pointer, t *ref, ends *[lanes]uint64) {
	steps, pace := t.steps, t.pace()
	k0 := uint64(t.root)
	k1, k2, k3, k4, k5, k6, k7 := k0, k0, k0, k0, k0, k0, k0
	for left, stride := steps, pace; left > 0; {
		n := min(left, stride)
		for range n {
			k0 = wideLane(nodes, keys, k0)
			ends[0] = k0
			k1 = wideLane(nodes, unsafe.Add(keys, 8), k1)
			ends[1] = k1
			k2 = wideLane(nodes, unsafe.Add(keys, 16), k2)
			ends[2] = k2
			k3 = wideLane(nodes, unsafe.Add(keys, 24), k3)
			ends[3] = k3
			k4 = wideLane(nodes, unsafe.Add(keys, 32), k4)
			ends[4] = k4
			k5 = wideLane(nodes, unsafe.Add(keys, 40), k5)
			ends[5] = k5
			k6 = wideLane(nodes, unsafe.Add(keys, 48), k6)
			ends[6] = k6
			k7 = wideLane(nodes, unsafe.Add(keys, 56), k7)
			ends[7] = k7
		}
		if left -= n; left > 0 && wideAt(nodes, k0+linkAt)|wideAt(nodes, k1+linkAt)|wideAt(nodes, k2+linkAt)|wideAt(nodes, k3+linkAt)|wideAt(nodes, k4+linkAt)|wideAt(nodes, k5+linkAt)|wideAt(nodes, k6+linkAt)|wideAt(nodes, k7+linkAt) == 0 {
			break
		}
	}
	ends[0] = wideAt(nodes, k0)
	ends[1] = wideAt(nodes, k1)
	ends[2] = wideAt(nodes, k2)
	ends[3] = wideAt(nodes, k3)
	ends[4] = wideAt(nodes, k4)
	ends[5] = wideAt(nodes, k5)
	ends[6] = wideAt(nodes, k6)
	ends[7] = wideAt(nodes, k7)
}
