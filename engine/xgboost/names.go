package xgboost

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// A codebook finds the code of a category by its name.
type codebook struct {
	codes map[string]float64 // NaN for a name that two readings give different codes
	cut   []cutName
}

// cutName is a name of which the file has only the beginning.
type cutName struct {
	start string
	runes int // of the whole name
	code  float64
}

// codes cuts the names of a column's categories.
//
// The Python package of 3.1 to 3.3 counted characters where the format counts
// bytes (npstr_to_arrow_strarr in python-package/xgboost/_data_utils.py): with a
// name beyond ASCII the offsets are of characters, and the text lacks as many
// bytes at its end as there are continuation bytes. Other writers of those
// versions count bytes. Both readings are kept; a name that they give
// different codes is refused, and one of which at least half is left is known by
// its beginning and its length.
func (m *model) codes(c *categories) (*codebook, error) {
	book := &codebook{codes: map[string]float64{}}
	ascii := true
	for _, b := range c.text {
		ascii = ascii && b < utf8.RuneSelf
	}
	n := len(c.offsets) - 1
	for code := range n {
		from, to := int(c.offsets[code]), int(c.offsets[code+1])
		if from < 0 || from > to || to > len(c.text) {
			return nil, m.damaged("a category's name from byte %d to %d of %d", from, to, len(c.text))
		}
		if name := c.text[from:to]; utf8.Valid(name) {
			book.add(string(name), float64(code))
		}
	}
	if ascii || m.since(3, 4) {
		return book, nil
	}
	starts := make([]int, 0, len(c.text)+1) // of each character that is whole
	for at := 0; at < len(c.text); {
		r, size := utf8.DecodeRune(c.text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		starts = append(starts, at)
		at += size
	}
	whole := len(starts) // characters
	starts = append(starts, endOf(c.text, starts))
	for code := range n {
		from, to := int(c.offsets[code]), int(c.offsets[code+1])
		if from > whole {
			break
		}
		start := string(c.text[starts[from]:starts[min(to, whole)]])
		switch {
		case to <= whole:
			book.add(start, float64(code))
		case 2*(whole-from) >= to-from:
			book.cut = append(book.cut, cutName{start: start, runes: to - from, code: float64(code)})
		}
	}
	return book, nil
}

// endOf is the place behind the last whole character.
func endOf(text []byte, starts []int) int {
	if len(starts) == 0 {
		return 0
	}
	last := starts[len(starts)-1]
	_, size := utf8.DecodeRune(text[last:])
	return last + size
}

func (b *codebook) add(name string, code float64) {
	if old, ok := b.codes[name]; ok && old != code {
		code = math.NaN()
	}
	b.codes[name] = code
}

// code is the code of a name. The empty name is a missing value unless it is a
// category.
func (b *codebook) code(name string) (float64, bool) {
	if code, ok := b.codes[name]; ok {
		return code, code == code
	}
	for _, c := range b.cut {
		if strings.HasPrefix(name, c.start) && utf8.RuneCountInString(name) == c.runes {
			return c.code, true
		}
	}
	return math.NaN(), name == ""
}

// names are all n names in the order of their codes; nil where two readings of the
// file give others, or where the empty one is among them.
func (b *codebook) names(n int) []string {
	if len(b.codes) != n || len(b.cut) > 0 {
		return nil
	}
	all := make([]string, n)
	for name, code := range b.codes {
		if code == code && name != "" {
			all[int(code)] = name
		}
	}
	if slices.Contains(all, "") {
		return nil
	}
	return all
}
