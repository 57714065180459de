package xgboost

import (
	"strconv"

	"online-inference/engine/forest"
)

// categories are the values of one column that the data frame of training had,
// in the order of their codes: texts that lie end to end, cut at the offsets, or
// numbers. A column of plain numbers has none.
type categories struct {
	text    []byte
	offsets []int32
	numbers []float64
}

// categories reads cats: for each column the texts, as offsets into their bytes,
// or the numbers, with a type that does not change their value but where
// UBJSON, which has no wide unsigned integers, stores their bits as signed.
func (m *model) categories() {
	r := m.r
	r.Object(func(key []byte) {
		if string(key) != "enc" {
			return
		}
		r.Array(func(int) {
			var offsets []int32
			var values []float64
			text, kind := false, 0
			r.Object(func(key []byte) {
				switch string(key) {
				case "offsets":
					text, offsets = true, r.Ints(nil)
				case "values":
					values = r.Floats64(nil)
				case "type":
					kind = m.count("type")
				}
			})
			if !text && len(values) == 0 {
				m.cats = append(m.cats, nil)
				return
			}
			c := &categories{}
			if text {
				c.text, c.offsets = make([]byte, len(values)), offsets
				for i, v := range values {
					c.text[i] = byte(int(v)) // UTF-8 as signed bytes
				}
			} else {
				c.numbers = unsigned(kind, values)
			}
			m.cats = append(m.cats, c)
		})
	})
}

// unsigned undoes the signed storage of unsigned integers (src/data/cat_container.cc).
func unsigned(kind int, values []float64) []float64 {
	const u8, u16, u32, u64 = 10, 12, 14, 16
	add := map[int]float64{u8: 1 << 8, u16: 1 << 16, u32: 1 << 32, u64: 1 << 64}[kind]
	for i, v := range values {
		if v < 0 {
			values[i] = v + add
		}
	}
	return values
}

// columns lays out the features with their names and categories; it gives none
// where the file only counts them.
func (m *model) columns() ([]forest.Column, error) {
	n := m.params.features
	if len(m.names) != 0 && len(m.names) != n || len(m.cats) != 0 && len(m.cats) != n {
		return nil, m.damaged("%d features with %d names and %d lists of categories", n, len(m.names), len(m.cats))
	}
	if len(m.names) == 0 && len(m.cats) == 0 {
		return nil, nil
	}
	out := make([]forest.Column, n)
	for i := range out {
		if len(m.names) > 0 {
			out[i].Name = m.names[i]
		}
		out[i].Number = m.wrapper.number()
		if len(m.cats) == 0 {
			continue
		}
		switch c := m.cats[i]; {
		case c == nil:
		case len(c.offsets) > 1:
			book, err := m.codes(c)
			if err != nil {
				return nil, err
			}
			out[i].Text, out[i].Categories = book.code, book.names(len(c.offsets)-1)
		case len(c.numbers) > 0:
			out[i].Number = byNumber(c.numbers)
			for _, v := range c.numbers {
				out[i].Categories = append(out[i].Categories, strconv.FormatFloat(float64(float32(v)), 'f', -1, 64))
			}
		}
	}
	return out, nil
}

func byNumber(values []float64) func(float64) (float64, bool) {
	codes := make(map[float64]float64, len(values))
	for code, v := range values {
		codes[float64(float32(v))] = float64(code)
	}
	return func(v float64) (float64, bool) {
		code, ok := codes[v]
		return code, ok
	}
}
