package lightgbm

import (
	"bytes"
	"math"
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
	places, err := f.places(len(lists))
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
// LightGBM knows from the data frame alone. It is the columns that the training
// parameters name, or those with a list of codes in feature_infos, if there are
// n; a data frame with ordered categories, which are treated as numbers, or with
// categories beside other columns that were named to be such, has more or fewer.
func (f *file) places(n int) ([]int, error) {
	var marked []int
	for _, part := range strings.Split(f.marked, ",") {
		i, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || i < 0 || i >= f.features {
			marked = nil
			break
		}
		marked = append(marked, i)
	}
	if len(marked) == n && ascending(marked) {
		return marked, nil
	}
	var listed []int
	for i, info := range f.infos {
		if info != "none" && !strings.HasPrefix(info, "[") && i < f.features {
			listed = append(listed, i)
		}
	}
	if len(listed) == n {
		return listed, nil
	}
	return nil, &modelfile.UnsupportedError{Format: formatName, Op: "pandas_categorical", Reason: "it has " + strconv.Itoa(n) +
		" lists of categories, but the file does not say which columns they belong to (" + strconv.Itoa(len(listed)) + " have categories)"}
}

func ascending(s []int) bool {
	for i := 1; i < len(s); i++ {
		if s[i] <= s[i-1] {
			return false
		}
	}
	return true
}
