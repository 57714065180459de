package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"online-inference/function/oip/grpc/oippb"
)

const (
	modelName   = "heart-disease"
	simplePath  = "/predict"
	inferPath   = "/v2/models/" + modelName + "/infer"
	batchRows   = 1000
	batchBodies = 8
	largeBytes  = 50_000_000
)

// bodies are the rows of all requests.
type bodies struct {
	features []string
	rows     [][]string
}

// datatypes of the model's columns; the others are INT64.
var datatypes = map[string]string{
	"age": "FP32", "trestbps": "FP32", "chol": "FP32", "thalach": "FP32", "oldpeak": "FP32", "ca": "FP32", "thal": "BYTES",
}

func datatype(feature string) string {
	if d, ok := datatypes[feature]; ok {
		return d
	}
	return "INT64"
}

// readBodies reads the patients; those with a missing value are left out, which
// not every peer takes.
func readBodies(path string) (*bodies, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	b := &bodies{features: all[0][:len(all[0])-1]}
	for _, row := range all[1:] {
		row = row[:len(b.features)]
		if !slices.ContainsFunc(row, func(v string) bool { _, err := strconv.ParseFloat(v, 64); return err != nil }) {
			b.rows = append(b.rows, row)
		}
	}
	if len(b.rows) == 0 {
		return nil, fmt.Errorf("%s has no whole row", path)
	}
	return b, nil
}

// batch is the rows of a large request, other ones for each k.
func (b *bodies) batch(k, n int) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = b.rows[b.index(k, i)]
	}
	return rows
}

// index is the row at position i of batch k.
func (b *bodies) index(k, i int) int { return (k*37 + i) % len(b.rows) }

// cell is a value as JSON.
func (b *bodies) cell(dst []byte, column int, value string) []byte {
	if datatype(b.features[column]) == "BYTES" {
		return strconv.AppendQuote(dst, value)
	}
	return append(dst, value...)
}

// simple is the body of /predict.
func (b *bodies) simple(rows [][]string) []byte {
	dst := []byte(`{"features":[`)
	for i, f := range b.features {
		dst = strconv.AppendQuote(comma(dst, i), f)
	}
	dst = append(dst, `],"data":[`...)
	for i, row := range rows {
		dst = append(comma(dst, i), '[')
		for j, v := range row {
			dst = b.cell(comma(dst, j), j, v)
		}
		dst = append(dst, ']')
	}
	return append(dst, "]}"...)
}

// tensors is the body of the Open Inference Protocol in JSON, a tensor a column.
func (b *bodies) tensors(rows [][]string) []byte {
	dst := []byte(`{"inputs":[`)
	for j, f := range b.features {
		dst = fmt.Appendf(comma(dst, j), `{"name":%q,"shape":[%d,1],"datatype":%q,"data":[`, f, len(rows), datatype(f))
		for i, row := range rows {
			dst = b.cell(comma(dst, i), j, row[j])
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, "]}"...)
}

// raw is a column as little-endian bytes.
func (b *bodies) raw(rows [][]string, j int) (dst []byte, err error) {
	for _, row := range rows {
		v, err := strconv.ParseFloat(row[j], 64)
		if err != nil {
			return nil, err
		}
		switch datatype(b.features[j]) {
		case "FP32":
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
		case "INT64":
			dst = binary.LittleEndian.AppendUint64(dst, uint64(int64(v)))
		default:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(row[j])))
			dst = append(dst, row[j]...)
		}
	}
	return dst, nil
}

// binary is the same with binary tensors, asking for such; head is the length of
// its JSON text.
func (b *bodies) binary(rows [][]string) (body []byte, head int, err error) {
	text, data := []byte(`{"inputs":[`), []byte(nil)
	for j, f := range b.features {
		column, err := b.raw(rows, j)
		if err != nil {
			return nil, 0, err
		}
		text = fmt.Appendf(comma(text, j), `{"name":%q,"shape":[%d,1],"datatype":%q,"parameters":{"binary_data_size":%d}}`, f, len(rows), datatype(f), len(column))
		data = append(data, column...)
	}
	text = append(text, `],"parameters":{"binary_data_output":true}}`...)
	return append(text, data...), len(text), nil
}

// message is the same for gRPC.
func (b *bodies) message(rows [][]string) (*oippb.ModelInferRequest, error) {
	m := &oippb.ModelInferRequest{ModelName: modelName}
	for j, f := range b.features {
		column, err := b.raw(rows, j)
		if err != nil {
			return nil, err
		}
		m.Inputs = append(m.Inputs, &oippb.ModelInferRequest_InferInputTensor{Name: f, Datatype: datatype(f), Shape: []int64{int64(len(rows)), 1}})
		m.RawInputContents = append(m.RawInputContents, column)
	}
	return m, nil
}

// large is a valid body of about 50 MB.
func (b *bodies) large(of func([][]string) []byte) []byte {
	each := float64(len(of(b.batch(0, batchRows)))) / batchRows
	return of(b.batch(0, int(largeBytes/each)))
}

// write makes the files that wrk reads, one body a line.
func (b *bodies) write(dir string) error {
	for name, of := range map[string]func([][]string) []byte{simpleFile: b.simple, tensorsFile: b.tensors} {
		var all bytes.Buffer
		for i := range b.rows {
			all.Write(of(b.rows[i : i+1]))
			all.WriteByte('\n')
		}
		if err := os.WriteFile(filepath.Join(dir, name), all.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	simpleFile  = "simple.txt"
	tensorsFile = "tensors.txt"
)

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

// simpleAnswer reads the probabilities of the second class.
func simpleAnswer(body []byte, _ int) ([]float64, error) {
	var a struct {
		Predictions []struct {
			Probabilities map[string]float64 `json:"probabilities"`
		} `json:"predictions"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, err
	}
	var all []float64
	for _, p := range a.Predictions {
		v, ok := p.Probabilities["disease"]
		if !ok {
			return nil, fmt.Errorf("no probability in %.200s", body)
		}
		all = append(all, v)
	}
	return all, nil
}

// tensorsAnswer does so for the Open Inference Protocol; binary outputs follow the
// JSON text of head bytes.
func tensorsAnswer(body []byte, head int) ([]float64, error) {
	text, rest := body, []byte(nil)
	if head > 0 && head <= len(body) {
		text, rest = body[:head], body[head:]
	}
	var a struct {
		Outputs []struct {
			Name       string    `json:"name"`
			Data       []float64 `json:"data"`
			Parameters struct {
				Size int `json:"binary_data_size"`
			} `json:"parameters"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, err
	}
	for _, o := range a.Outputs {
		if o.Parameters.Size > len(rest) {
			return nil, fmt.Errorf("%d bytes of %s are not there", o.Parameters.Size, o.Name)
		}
		data := rest[:o.Parameters.Size]
		rest = rest[o.Parameters.Size:]
		switch {
		case o.Name == "probabilities" && len(data) > 0:
			return seconds(rawFloats(data)), nil
		case o.Name == "probabilities":
			return seconds(o.Data), nil
		}
	}
	return nil, fmt.Errorf("no probabilities in %.200s", text)
}

func rawFloats(data []byte) []float64 {
	all := make([]float64, len(data)/4)
	for i := range all {
		all[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}
	return all
}

// seconds takes the second of each two.
func seconds(all []float64) []float64 {
	half := make([]float64, 0, len(all)/2)
	for i := 1; i < len(all); i += 2 {
		half = append(half, all[i])
	}
	return half
}
