package onnx_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/onnx"
)

// attrOf reads the first attribute of a file of one node.
func attrOf(t *testing.T, attr string) *onnx.Attr {
	t.Helper()
	m, err := onnx.Parse([]byte(message(7, message(1, message(5, attr)))))
	if err != nil {
		t.Fatal(err)
	}
	return &m.Graph.Nodes[0].Attrs[0]
}

// TestLists reads lists in each way that a file may write them: one by one with
// their keys, packed, and both in turn, with numbers of every length.
func TestLists(t *testing.T) {
	want := []int64{0, 1, 127, 128, 300, 16383, 16384, -1, math.MaxInt64, math.MinInt64, 5}
	var singly, packed string
	for _, v := range want {
		number := string(binary.AppendUvarint(nil, uint64(v)))
		singly, packed = singly+"\x40"+number, packed+number
	}
	for what, data := range map[string]string{"singly": singly, "packed": message(8, packed)} {
		if diff := cmp.Diff(want, attrOf(t, data).Ints.All()); diff != "" {
			t.Errorf("integers %s: %s", what, diff)
		}
	}
	both := attrOf(t, singly+message(8, packed)+singly).Ints.All()
	if diff := cmp.Diff(slices.Concat(want, want, want), both); diff != "" {
		t.Errorf("integers in turn: %s", diff)
	}

	var floats []float32
	var raw, keyed string
	for i := range 40 {
		v := float32(i) - 20.5
		b := string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		floats, raw, keyed = append(floats, v), raw+b, keyed+"\x3d"+b
	}
	got := attrOf(t, keyed+message(7, raw)+keyed).Floats.All()
	if diff := cmp.Diff(slices.Concat(floats, floats, floats), got); diff != "" {
		t.Errorf("floats: %s", diff)
	}

	words := []string{"LEAF", "BRANCH_LEQ", "LEAF", "", strings.Repeat("long ", 40), "leaf", "BRANCH_LEQ"}
	data := ""
	for _, w := range words {
		data += "\x4a" + string(binary.AppendUvarint(nil, uint64(len(w)))) + w
	}
	if diff := cmp.Diff(words, attrOf(t, data).Strings.All()); diff != "" {
		t.Errorf("strings: %s", diff)
	}
}
