package graph

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"online-inference/engine/onnx"
)

// nodeIndex finds a node's position in the file by its tree and number.
// Exporters write the trees in order and number the nodes of each from 0 on,
// so that the places where trees begin tell all; else the numbers are kept, and
// searched, sorted first if need be.
type nodeIndex struct {
	ids    []int64 // the trees, ascending
	starts []int32 // where each begins, and the end of the last
	id     int64   // the tree asked for last, where ids and starts tell all,
	from   int32   // its first node,
	size   int64   // and how many it has; 0 before the first question

	trees, nodes []int64 // in the order of key; nil where ids and starts tell all
	at           []int32 // position of each in the file; nil for their own
	first        []int32 // the first node of each tree, in the order of the file
	now          int64   // the tree asked for last,
	start        int     // and its first node; -1 before the first question
}

func newNodeIndex(trees, nodes *onnx.Ints) (*nodeIndex, error) {
	x := &nodeIndex{}
	if x.count(trees, nodes) {
		return x, nil
	}
	x = &nodeIndex{trees: trees.All(), nodes: nodes.All(), start: -1}
	seen := map[int64]bool{}
	for i, t := range x.trees {
		if (i == 0 || t != x.trees[i-1]) && !seen[t] {
			seen[t] = true
			x.first = append(x.first, int32(i))
		}
	}
	for i := 1; i < len(x.nodes); i++ {
		if !x.Less(i-1, i) {
			x.sort()
			break
		}
	}
	for i := 1; i < len(x.nodes) && x.at != nil; i++ {
		if x.key(i) == x.key(i-1) {
			return nil, fmt.Errorf("tree %d has two nodes %d", x.trees[i], x.nodes[i])
		}
	}
	return x, nil
}

// count reports whether the trees ascend and their nodes are numbered from 0.
func (x *nodeIndex) count(trees, nodes *onnx.Ints) bool {
	t, n := partsOf(trees), partsOf(nodes)
	next := int64(0)
	for from := 0; from < trees.Len(); from += part {
		ids := t.next()
		for k, node := range n.next() {
			if last := len(x.ids) - 1; last < 0 || x.ids[last] != ids[k] {
				if last >= 0 && x.ids[last] > ids[k] {
					return false
				}
				x.ids, x.starts, next = append(x.ids, ids[k]), append(x.starts, int32(from+k)), 0
			}
			if node != next {
				return false
			}
			next++
		}
	}
	x.starts = append(x.starts, int32(trees.Len()))
	return true
}

// roots are the first nodes of the trees.
func (x *nodeIndex) roots() []int32 {
	if x.trees == nil {
		return x.starts[:len(x.ids):len(x.ids)]
	}
	return x.first
}

// find gives a node's position in the file, -1 where there is none.
func (x *nodeIndex) find(tree, node int64) int32 {
	if tree == x.id && uint64(node) < uint64(x.size) {
		return x.from + int32(node)
	}
	return x.look(tree, node)
}

// look is find for a tree that was not asked for last.
func (x *nodeIndex) look(tree, node int64) int32 {
	if x.trees != nil {
		return x.seek(tree, node)
	}
	k, found := slices.BinarySearch(x.ids, tree)
	if !found {
		return -1
	}
	x.id, x.from, x.size = tree, x.starts[k], int64(x.starts[k+1]-x.starts[k])
	if node < 0 || node >= x.size {
		return -1
	}
	return x.from + int32(node)
}

// key orders nodes by tree, then by number within it.
type key struct{ tree, node int64 }

func (k key) compare(o key) int {
	if k.tree != o.tree {
		if k.tree < o.tree {
			return -1
		}
		return 1
	}
	if k.node != o.node {
		if k.node < o.node {
			return -1
		}
		return 1
	}
	return 0
}

func (x *nodeIndex) sort() {
	x.trees, x.nodes, x.at = slices.Clone(x.trees), slices.Clone(x.nodes), make([]int32, len(x.nodes))
	for i := range x.at {
		x.at[i] = int32(i)
	}
	sort.Stable(x)
}

func (x *nodeIndex) key(i int) key      { return key{x.trees[i], x.nodes[i]} }
func (x *nodeIndex) Len() int           { return len(x.nodes) }
func (x *nodeIndex) Less(i, j int) bool { return x.key(i).compare(x.key(j)) < 0 }
func (x *nodeIndex) Swap(i, j int) {
	x.trees[i], x.trees[j] = x.trees[j], x.trees[i]
	x.nodes[i], x.nodes[j] = x.nodes[j], x.nodes[i]
	x.at[i], x.at[j] = x.at[j], x.at[i]
}

// search is the place of the first key that is not less.
func (x *nodeIndex) search(k key) int {
	return sort.Search(len(x.nodes), func(i int) bool { return x.key(i).compare(k) >= 0 })
}

// seek is find among numbers that are kept.
func (x *nodeIndex) seek(tree, node int64) int32 {
	if x.start < 0 || x.now != tree {
		x.now = tree
		// Where the tree begins; no node has this number, so none is found.
		x.start = x.search(key{tree, math.MinInt64})
	}
	i := -1
	if node >= 0 && node < int64(len(x.nodes)-x.start) {
		i = x.start + int(node)
	}
	if i < 0 || x.nodes[i] != node || x.trees[i] != tree {
		if i = x.search(key{tree, node}); i == len(x.nodes) || x.key(i) != (key{tree, node}) {
			return -1
		}
	}
	if x.at == nil {
		return int32(i)
	}
	return x.at[i]
}
