package graph

// words finds a string among a few by a hash of its length and three of its
// letters, chosen so that no two share a place, and one comparison.
type words struct {
	table []word
	mul   [4]uint32
	shift uint32
	many  *finder[string] // where no such hash was found
	other int32
}

type word struct {
	text  string
	place int32
}

// newWords gives each key its index, and all other strings the number of keys.
// The keys are distinct.
func newWords(keys []string) *words {
	w := &words{other: int32(len(keys))}
	bits := uint32(2)
	for 1<<bits < 2*len(keys) {
		bits++
	}
	seed := uint32(1)
	for try := range 96 {
		if len(keys) > 128 {
			break
		}
		for i := range w.mul {
			seed = seed*1664525 + 1013904223
			w.mul[i] = seed | 1
		}
		if w.fill(keys, bits+uint32(try/32)) {
			return w
		}
	}
	w.table, w.many = nil, newFinder(keys)
	return w
}

func (w *words) fill(keys []string, bits uint32) bool {
	w.table, w.shift = make([]word, 1<<bits), 32-bits
	used := make([]bool, len(w.table))
	for i := range w.table {
		w.table[i].place = w.other
	}
	for i, k := range keys {
		h := w.hash(k)
		if used[h] {
			return false
		}
		w.table[h], used[h] = word{k, int32(i)}, true
	}
	return true
}

func (w *words) hash(s string) uint32 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return (uint32(n)*w.mul[0] + uint32(s[0])*w.mul[1] + uint32(s[n>>1])*w.mul[2] + uint32(s[n-1])*w.mul[3]) >> w.shift
}

// place is the index of a key, the number of keys for any other string.
func (w *words) place(s string) int32 {
	if w.many != nil {
		if i := w.many.index(s); i >= 0 {
			return int32(i)
		}
		return w.other
	}
	if e := &w.table[w.hash(s)]; e.text == s {
		return e.place
	}
	return w.other
}
