package inspect

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"online-inference/engine/scan"
)

// readXGBoost reports on XGBoost's JSON or UBJSON, which have the same fields.
func (r *Report) readXGBoost(data []byte) error {
	s := scan.JSON(r.Format, data)
	if r.Format == "xgboost-ubj" {
		s = scan.UBJ(r.Format, data)
	}
	best := ""
	s.Object(func(key []byte) {
		switch string(key) {
		case "version":
			r.Producer = "XGBoost"
			r.ProducerVersion = dotted(s.Ints(nil))
		case "learner":
			s.Object(func(key []byte) {
				switch string(key) {
				case "attributes":
					s.Object(func(key []byte) {
						if string(key) == "best_iteration" && s.Kind() == scan.String {
							best = s.Text()
						}
					})
				case "objective":
					s.Object(func(key []byte) {
						if string(key) == "name" {
							r.Objective = s.Text()
						}
					})
				case "gradient_booster":
					r.booster(s)
				}
			})
		}
	})
	if n, err := strconv.Atoi(best); err == nil && r.Structure.Trees != nil {
		r.Structure.Note = fmt.Sprintf("early stopping: the rounds up to %d are used, as XGBoost's scikit-learn wrapper does", n)
	}
	return s.Err()
}

func dotted(numbers []int32) string {
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = strconv.Itoa(int(n))
	}
	return strings.Join(parts, ".")
}

// booster reads a gbtree, a dart, which has its trees in a gbtree of its own, or a
// gblinear.
func (r *Report) booster(s scan.Reader) {
	s.Object(func(key []byte) {
		switch string(key) {
		case "gbtree":
			r.booster(s)
		case "name":
			r.Structure.Linear = s.Text() == "gblinear"
		case "model":
			s.Object(func(key []byte) {
				if string(key) == "trees" {
					trees := r.trees()
					s.Array(func(int) { trees.addXGBoost(s) })
				}
			})
		}
	})
}

// addXGBoost measures one tree: arrays with a place for each node, of which pruning
// may have left some without a parent.
func (t *Trees) addXGBoost(s scan.Reader) {
	var left, right []int32
	s.Object(func(key []byte) {
		switch string(key) {
		case "left_children":
			left = s.Ints(nil)
		case "right_children":
			right = s.Ints(nil)
		}
	})
	if len(left) == 0 || len(left) != len(right) {
		return
	}
	children := make([][2]int32, len(left))
	for i := range left {
		children[i] = [2]int32{left[i], right[i]}
		if left[i] < 0 { // a leaf; one of several values has the place of these to its right
			children[i] = [2]int32{-1, -1}
		}
		if max(left[i], right[i]) >= int32(len(left)) {
			return
		}
	}
	root := make([]bool, len(left))
	root[0] = true
	t.measure(children, root)
}

// readLightGBM reports on LightGBM's text. The file does not say which release
// wrote it, only the version of its own form.
func (r *Report) readLightGBM(data []byte) error {
	r.Producer = "LightGBM"
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	var left []int32
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "version":
			r.FormatVersion = value
		case "objective":
			r.Objective = value
		case "num_leaves":
			if left = nil; value == "1" { // a tree that is a leaf has no children to list
				r.trees().add(1, 1, 0)
			}
		case "left_child":
			left = fields(value)
		case "right_child":
			r.trees().addLightGBM(left, fields(value))
		case "end of trees":
			return nil
		}
	}
	return lines.Err()
}

func fields(text string) []int32 {
	var all []int32
	for _, field := range strings.Fields(text) {
		n, err := strconv.ParseInt(field, 10, 32)
		if err != nil {
			return nil
		}
		all = append(all, int32(n))
	}
	return all
}

// addLightGBM measures one tree: tests have the numbers from 0, leaves those from
// -1 downwards.
func (t *Trees) addLightGBM(left, right []int32) {
	tests := int32(len(left))
	if tests == 0 || len(right) != len(left) {
		return
	}
	children := make([][2]int32, 2*tests+1)
	for i := range children {
		children[i] = [2]int32{-1, -1}
	}
	for i := range tests {
		for side, c := range [2]int32{left[i], right[i]} {
			if c < 0 {
				c = tests - c - 1
			}
			if c >= int32(len(children)) {
				return
			}
			children[i][side] = c
		}
	}
	root := make([]bool, len(children))
	root[0] = true
	t.measure(children, root)
}

// readCatBoost reports on CatBoost's JSON.
func (r *Report) readCatBoost(data []byte) error {
	r.Producer = "CatBoost"
	s := scan.JSON(r.Format, data)
	s.Object(func(key []byte) {
		switch string(key) {
		case "model_info":
			s.Object(func(key []byte) {
				switch string(key) {
				case "catboost_version_info":
					r.catBoostVersion(s)
				case "params":
					r.catBoostParams(s)
				}
			})
		case "oblivious_trees":
			trees := r.trees()
			s.Array(func(int) { trees.addOblivious(s) })
		case "trees":
			trees := r.trees()
			s.Array(func(int) {
				nodes, leaves, depth := nested(s)
				trees.add(nodes, leaves, depth)
			})
		}
	})
	return s.Err()
}

// catBoostVersion reads "CatBoost 1.2.10" or what most builds write in its place:
// lines on their source, with the tag of the release.
func (r *Report) catBoostVersion(s scan.Reader) {
	if s.Kind() != scan.String {
		return
	}
	text := strings.TrimSpace(s.Text())
	_, version, found := strings.Cut(text, "tags/v")
	if !found {
		version, found = strings.CutPrefix(text, "CatBoost ")
	}
	if words := strings.Fields(version); found && len(words) > 0 {
		r.ProducerVersion = words[0]
	}
}

// catBoostParams reads the loss out of the training's parameters, which are an
// object or, in other releases, one in a text.
func (r *Report) catBoostParams(s scan.Reader) {
	if s.Kind() == scan.String {
		inner := scan.JSON(r.Format, []byte(s.Text()))
		r.loss(inner)
		return
	}
	r.loss(s)
}

func (r *Report) loss(s scan.Reader) {
	if s.Kind() != scan.Object {
		return
	}
	s.Object(func(key []byte) {
		if string(key) != "loss_function" || s.Kind() != scan.Object {
			return
		}
		s.Object(func(key []byte) {
			if string(key) == "type" && s.Kind() == scan.String {
				r.Objective = s.Text()
			}
		})
	})
}

// addOblivious measures a tree whose levels have one test each.
func (t *Trees) addOblivious(s scan.Reader) {
	splits := 0
	s.Object(func(key []byte) {
		if string(key) == "splits" && s.Kind() == scan.Array {
			s.Array(func(int) { splits++ })
		}
	})
	if splits > 30 { // the engine refuses more
		return
	}
	t.add(2<<splits-1, 1<<splits, splits)
}

// nested measures a tree whose nodes hold their children.
func nested(s scan.Reader) (nodes, leaves, depth int) {
	nodes = 1
	s.Object(func(key []byte) {
		if k := string(key); k != "left" && k != "right" {
			return
		}
		n, l, d := nested(s)
		nodes += n
		leaves += l
		depth = max(depth, d+1)
	})
	return nodes, max(leaves, 1), depth
}
