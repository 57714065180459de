package lightgbm

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
)

// values are the categories of one column of a data frame.
type values struct {
	texts   map[string]float64
	numbers map[float64]float64
}

// columns lays out the features.
func (f *file) columns() ([]forest.Column, error) {
	out := make([]forest.Column, f.features)
	for i := range f.names {
		out[i].Name = f.names[i]
	}
	lists, err := f.lists()
	if err != nil || len(lists) == 0 {
		return out, err
	}
	places, err := f.places(lists)
	if err != nil {
		return nil, err
	}
	for k, list := range lists {
		c := &out[places[k]]
		switch {
		case len(list.texts) > 0 && len(list.numbers) > 0:
			return nil, &modelfile.UnsupportedError{Format: formatName, Reason: "column " + c.Name + " has both texts and numbers for categories"}
		case len(list.texts) > 0:
			c.Text = func(s string) (float64, bool) {
				if code, ok := list.texts[s]; ok {
					return code, true
				}
				return math.NaN(), true
			}
		default:
			c.Number = func(v float64) (float64, bool) {
				if code, ok := list.numbers[v]; ok {
					return code, true
				}
				return math.NaN(), true
			}
		}
	}
	return out, nil
}

// lists reads pandas_categorical, a JSON list with a list of values for each
// category column.
func (f *file) lists() ([]values, error) {
	text := bytes.TrimSpace(f.pandas)
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var out []values
	r := scan.JSON(formatName, text)
	r.Array(func(int) {
		v := values{texts: map[string]float64{}, numbers: map[float64]float64{}}
		r.Array(func(code int) {
			switch r.Kind() {
			case scan.String:
				v.texts[r.Text()] = float64(code)
			case scan.Bool, scan.Number:
				n := 0.0
				if r.Kind() == scan.Number {
					n = r.Float()
				} else if r.Flag() {
					n = 1
				}
				v.numbers[n] = float64(code)
			default:
				r.Fail("a category that is neither text nor number")
			}
		})
		out = append(out, v)
	})
	r.End()
	return out, r.Err()
}

// places says which features the n lists of categories belong to, which
// LightGBM knows from the data frame alone: they stand in the order of the
// columns. It is the columns that the training parameters name, or those with a
// list of codes in feature_infos, if there are n and their codes fit the lists. A
// data frame with ordered categories, which are treated as numbers, or with
// categories beside other columns that were named to be such, has more or fewer:
// then it is those whose values fit, if that leaves one way to place the lists.
func (f *file) places(lists []values) ([]int, error) {
	n := len(lists)
	var marked []int
	for _, part := range strings.Split(f.marked, ",") {
		i, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || i < 0 || i >= f.features {
			marked = nil
			break
		}
		marked = append(marked, i)
	}
	if len(marked) == n && ascending(marked) && f.fitAll(lists, marked) {
		return marked, nil
	}
	var listed []int
	for i, info := range f.infos {
		if info != "none" && !strings.HasPrefix(info, "[") && i < f.features {
			listed = append(listed, i)
		}
	}
	if len(listed) == n && f.fitAll(lists, listed) {
		return listed, nil
	}
	if first, last := f.firstFit(lists), f.lastFit(lists); first != nil && slices.Equal(first, last) {
		return first, nil
	}
	return nil, &modelfile.UnsupportedError{Format: formatName, Op: "pandas_categorical", Reason: fmt.Sprintf(
		"it has %d lists of categories, but the file does not say which columns they belong to (%d columns have categories); "+
			"train with columns of integer codes in place of the data frame's ordered categories", n, len(listed))}
}

// fitAll reports whether each list fits its feature.
func (f *file) fitAll(lists []values, places []int) bool {
	for k, i := range places {
		if !f.fits(lists[k], i) {
			return false
		}
	}
	return true
}

// fits reports whether the values of feature i, as feature_infos has them, are
// codes of a list: "none" for a feature that was never used, "[low:high]" for
// numbers, "2:0:1" for codes.
func (f *file) fits(list values, i int) bool {
	if i >= len(f.infos) {
		return true
	}
	info := f.infos[i]
	if info == "none" {
		return true
	}
	top := float64(len(list.texts) + len(list.numbers) - 1)
	low := -1.0
	if strings.HasPrefix(info, "[") {
		low = 0
	}
	for _, part := range strings.Split(strings.Trim(info, "[]"), ":") {
		v, n := scan.ParseNumber([]byte(part))
		if n != len(part) || v < low || v > top || v != math.Trunc(v) {
			return false
		}
	}
	return true
}

// firstFit places each list as far to the left as it can be, lastFit as far to
// the right; where both agree there is no other way.
func (f *file) firstFit(lists []values) []int {
	var out []int
	for i := 0; i < f.features && len(out) < len(lists); i++ {
		if f.fits(lists[len(out)], i) {
			out = append(out, i)
		}
	}
	if len(out) < len(lists) {
		return nil
	}
	return out
}

func (f *file) lastFit(lists []values) []int {
	out := make([]int, len(lists))
	k := len(lists) - 1
	for i := f.features - 1; i >= 0 && k >= 0; i-- {
		if f.fits(lists[k], i) {
			out[k] = i
			k--
		}
	}
	if k >= 0 {
		return nil
	}
	return out
}

func ascending(s []int) bool {
	for i := 1; i < len(s); i++ {
		if s[i] <= s[i-1] {
			return false
		}
	}
	return true
}
