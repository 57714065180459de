package onnx_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
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

// TestLongLists reads numbers of which most take one byte, as trees' do, so that
// runs of such of every length stand between longer ones.
func TestLongLists(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, rare := range []int{1, 2, 3, 5, 9, 40, 1000} {
		for n := range 70 {
			want, data := make([]int64, n+1), ""
			for i := range want {
				if want[i] = r.Int64N(128); r.IntN(rare) == 0 {
					want[i] = r.Int64() >> r.IntN(60)
				}
				data += "\x40" + string(binary.AppendUvarint(nil, uint64(want[i])))
			}
			a := attrOf(t, data)
			if diff := cmp.Diff(want, a.Ints.All()); diff != "" {
				t.Fatal(diff)
			}
			sameLists(t, a)
		}
	}
}

// sameLists reads the lists of an attribute in every way.
func sameLists(t *testing.T, a *onnx.Attr) {
	t.Helper()
	var ints []int64
	for r, memory := a.Ints.Reader(), make([]int64, 3); ; {
		some := r.Next(memory)
		ints = append(ints, some...)
		if len(some) < len(memory) {
			break
		}
	}
	if all := a.Ints.All(); !slices.Equal(all, ints) || len(all) != a.Ints.Len() {
		t.Fatalf("%d integers %v, in parts %v", a.Ints.Len(), all, ints)
	}
	floats := a.Floats.All()
	if len(floats) != a.Floats.Len() {
		t.Fatalf("%d floats %v", a.Floats.Len(), floats)
	}
	for i, v := range floats {
		if math.Float32bits(a.Floats.At(i)) != math.Float32bits(v) {
			t.Fatalf("float %d is %v, alone %v", i, v, a.Floats.At(i))
		}
	}
	r, texts := a.Strings.Reader(), a.Strings.All()
	for i, want := range texts {
		if have, ok := r.Next(); !ok || string(have) != want {
			t.Fatalf("text %d is %q, alone %q, %v", i, want, have, ok)
		}
	}
	if _, more := r.Next(); more || len(texts) != a.Strings.Len() {
		t.Fatalf("%d texts %q, more: %v", a.Strings.Len(), texts, more)
	}
}

// TestListForms reads lists whose keys are longer than need be, lists in pieces
// with other fields between them, and empty ones, in every way.
func TestListForms(t *testing.T) {
	name := message(1, "a")
	for what, c := range map[string]struct {
		data                  string
		ints, floats, strings int
	}{
		"long keys":     {"\xc0\x00\x05\x40\x06" + "\xbd\x00\x00\x00\x80\x3f\x3d\x00\x00\x80\x3f" + "\xca\x00\x01x\x4a\x01y", 2, 2, 2},
		"in pieces":     {"\x40\x05\x40\x85\x01" + name + "\x40\x06" + "\x3d\x00\x00\x80\x3f" + name + "\x3d\x00\x00\x80\x3f" + "\x4a\x01x" + name + "\x4a\x01y\x4a\x00", 3, 2, 3},
		"packed twice":  {message(8, "\x05\x85\x01") + message(8, "\x06") + message(7, "\x00\x00\x80\x3f") + message(7, ""), 3, 1, 0},
		"packed, empty": {message(8, "") + message(7, ""), 0, 0, 0},
		"none":          {name, 0, 0, 0},
	} {
		a := attrOf(t, c.data)
		if have := [3]int{a.Ints.Len(), a.Floats.Len(), a.Strings.Len()}; have != [3]int{c.ints, c.floats, c.strings} {
			t.Errorf("%s: %v elements", what, have)
		}
		sameLists(t, a)
	}
	for what, data := range map[string]string{
		"number cut short": "\x40\x05\x40\x85", "text cut short": "\x4a\x01x\x4a\x05y", "float cut short": "\x3d\x00\x00\x80\x3f\x3d\x00",
		"packed number cut short": message(8, "\x85"), "packed float cut short": message(7, "\x85"),
	} {
		if _, err := onnx.Parse([]byte(message(7, message(1, message(5, data))))); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
