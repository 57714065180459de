package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"online-inference/bench/engine/record"
	"online-inference/engine"
)

// A folder is a model as peers/models.py writes it.
type folder struct {
	dir      string
	Kind     string
	Rows     int
	Nodes    int
	Native   string
	Inputs   []feed
	numbers  []float32 // rows x width, NaN is missing
	texts    [][]string
	expected []float64 // the framework's own probability of class 1
}

// A feed says which columns an input of the ONNX file takes.
type feed struct {
	Name    string
	Text    bool
	Columns []int
}

func openFolder(dir string) (*folder, error) {
	f := &folder{dir: dir}
	meta, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return nil, fmt.Errorf("%w: run without -render first, which makes the models", err)
	}
	texts, err := os.ReadFile(filepath.Join(dir, "texts.json"))
	err = errors.Join(err, json.Unmarshal(meta, f))
	if err == nil {
		err = json.Unmarshal(texts, &f.texts)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	if f.numbers, err = readFloats(filepath.Join(dir, "numbers.f32"), 4, func(b []byte) float32 { return math.Float32frombits(le32(b)) }); err != nil {
		return nil, err
	}
	f.expected, err = readFloats(filepath.Join(dir, "expected.f64"), 8, func(b []byte) float64 { return math.Float64frombits(le64(b)) })
	if err == nil && (len(f.expected) != f.Rows || len(f.texts) != f.Rows || len(f.numbers)%f.Rows != 0) {
		err = fmt.Errorf("%s: %d answers and %d rows of text for %d rows", dir, len(f.expected), len(f.texts), f.Rows)
	}
	return f, err
}

// files are the model's files by our id of the way to score them.
func (f *folder) files() map[string]string {
	files := map[string]string{record.OursONNX: filepath.Join(f.dir, "model.onnx")}
	if f.Native != "" {
		files[record.OursNative] = filepath.Join(f.dir, f.Native)
	}
	return files
}

// A scorer runs one model of ours over the folder's rows, batch after batch.
type scorer struct {
	model   *engine.Model
	batch   *engine.Batch
	inputs  []*engine.Tensor // all rows for each input
	answer  int              // the output that holds the probabilities
	rows    int
	columns int // of the answer
}

func newScorer(f *folder, path string) (*scorer, error) {
	m, err := engine.LoadFile(path)
	if err != nil {
		return nil, err
	}
	s := &scorer{model: m, batch: m.NewBatch(), rows: f.Rows, answer: -1}
	for i, in := range m.Signature().Inputs {
		from := feed{Columns: upTo(len(f.numbers) / f.Rows)}
		if m.Signature().Format == "onnx" {
			if i >= len(f.Inputs) || f.Inputs[i].Name != in.Name {
				return nil, fmt.Errorf("%s: input %d is %s, its description says otherwise", path, i, in.Name)
			}
			from = f.Inputs[i]
		}
		all, err := f.lay(in, from)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		s.inputs = append(s.inputs, all)
	}
	for i, out := range m.Signature().Outputs {
		if out.Role == engine.RoleProbabilities {
			s.answer, s.columns = i, out.Width()
		}
	}
	if s.answer < 0 || s.columns != 2 {
		return nil, fmt.Errorf("%s: no probabilities of two classes", path)
	}
	return s, nil
}

// lay makes one tensor of all rows of the columns that an input takes.
func (f *folder) lay(in engine.Port, from feed) (*engine.Tensor, error) {
	t, width := new(engine.Tensor), len(f.numbers)/f.Rows
	t.Resize(in.Type, f.Rows, len(from.Columns))
	if in.Width() != len(from.Columns) {
		return nil, fmt.Errorf("input %s takes %d columns, not %d", in.Name, in.Width(), len(from.Columns))
	}
	for r := range f.Rows {
		for c, column := range from.Columns {
			at := r*len(from.Columns) + c
			switch {
			case in.Type == engine.String && from.Text:
				t.Str[at] = f.texts[r][column]
			case in.Type == engine.Float32 && !from.Text:
				t.F32[at] = f.numbers[r*width+column]
			case in.Type == engine.Float64 && !from.Text:
				t.F64[at] = float64(f.numbers[r*width+column])
			default:
				return nil, fmt.Errorf("input %s has type %v", in.Name, in.Type)
			}
		}
	}
	return t, nil
}

// run scores batch number at of n rows: it fills the inputs, as a caller must,
// and scores. Batches of more rows than there are repeat the table.
func (s *scorer) run(at, n int) error {
	s.batch.Reset(n)
	for i, all := range s.inputs {
		to, width := s.batch.Input(i), all.Width()
		for done, first := 0, at*n%s.rows; done < n; first = 0 {
			m := min(n-done, s.rows-first)
			lo, hi, dst := first*width, (first+m)*width, done*width
			switch to.Type {
			case engine.Float32:
				copy(to.F32[dst:], all.F32[lo:hi])
			case engine.Float64:
				copy(to.F64[dst:], all.F64[lo:hi])
			default:
				copy(to.Str[dst:], all.Str[lo:hi])
			}
			done += m
		}
	}
	return s.batch.Run()
}

// deviation is the largest distance of the probability of class 1 from what is
// expected, in one batch and, for the first rows, each row alone.
func (s *scorer) deviation(expected []float64) (float64, error) {
	worst := 0.0
	check := func(at, n int) error {
		if err := s.run(at, n); err != nil {
			return err
		}
		out := s.batch.Output(s.answer)
		for r := range n {
			d := math.Abs(second(out, r) - expected[at*n+r])
			if !(d <= worst) { // NaN is the worst of all
				worst = d
			}
		}
		return nil
	}
	err := check(0, s.rows)
	for at := 0; at < min(s.rows, 500) && err == nil; at++ {
		err = check(at, 1)
	}
	return worst, err
}

// second is the second of the two numbers in a row.
func second(t *engine.Tensor, row int) float64 {
	if t.Type == engine.Float32 {
		return float64(t.F32[2*row+1])
	}
	return t.F64[2*row+1]
}

// lap is the nanoseconds of some calls, the first with batch number start.
func (s *scorer) lap(n, start, calls int) (time.Duration, error) {
	period := max(1, s.rows/n)
	began := time.Now()
	for i := range calls {
		if err := s.run((start+i)%period, n); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// allocations is how many a run of one row makes in the steady state.
func (s *scorer) allocations() (float64, error) {
	const runs = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.lap(1, 0, runs)
	runtime.ReadMemStats(&after)
	return math.Floor(float64(after.Mallocs-before.Mallocs) / runs), err
}

// serve is our side of the benchmark: it speaks the same lines as
// peers/worker.py, so that both are measured by the same hand.
func serve(dir string, in io.Reader, out io.Writer) error {
	f, err := openFolder(dir)
	if err != nil {
		return err
	}
	scorers, hello := map[string]*scorer{}, []hello{}
	files := f.files()
	for _, id := range slices.Sorted(maps.Keys(files)) {
		s, err := newScorer(f, files[id])
		if err != nil {
			return err
		}
		scorers[id] = s
		gap, err := s.deviation(f.expected)
		if err != nil {
			return err
		}
		n, err := s.allocations()
		if err != nil {
			return err
		}
		hello = append(hello, ourHello(id, gap, n, s.model.MaxRows()))
	}
	write := json.NewEncoder(out)
	if err := write.Encode(hello); err != nil {
		return err
	}
	clocks := map[string]*stopwatch{}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var ask ask
		if err := json.Unmarshal(lines.Bytes(), &ask); err != nil {
			return err
		}
		s := scorers[ask.Who]
		if s == nil {
			return fmt.Errorf("no way named %q", ask.Who)
		}
		key := fmt.Sprint(ask.Who, ask.Batch)
		if clocks[key] == nil {
			clocks[key] = &stopwatch{batch: ask.Batch, lap: s.lap}
		}
		laps, err := clocks[key].slice(time.Duration(ask.MS) * time.Millisecond)
		if err != nil {
			return err
		}
		if err := write.Encode(laps); err != nil {
			return err
		}
	}
	return nil
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
