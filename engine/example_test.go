package engine_test

import (
	"errors"
	"fmt"
	"log"
	"math"

	"online-inference/engine"
)

// An ONNX file of scikit-learn: a decision tree over four measures of a flower.
func Example() {
	m, err := engine.LoadFile("testdata/golden/sk_dt_multi/model.onnx")
	if err != nil {
		log.Fatal(err)
	}
	b := m.NewBatch()
	b.Reset(2)
	copy(b.Input(0).F32, []float32{
		6.4, 3.2, 4.5, 1.5,
		4.9, 3.0, 1.4, 0.2,
	})
	if err := b.Run(); err != nil {
		log.Fatal(err)
	}
	classes := m.Signature().Classes.Len()
	for row := range b.Rows() {
		fmt.Println(b.Output(0).I64[row], b.Output(1).F32[row*classes:(row+1)*classes])
	}
	// Output:
	// 1 [0 1 0]
	// 0 [1 0 0]
}

// What a model takes and gives is in its signature.
func ExampleModel_Signature() {
	m, err := engine.LoadFile("testdata/golden/sk_pipe_loans_ordinal/model.onnx")
	if err != nil {
		log.Fatal(err)
	}
	sig := m.Signature()
	fmt.Println(sig.Format)
	for _, in := range sig.Inputs {
		fmt.Println("takes", in.Name, in.Type, in.Shape)
	}
	for _, out := range sig.Outputs {
		fmt.Println("gives", out.Name, out.Type, out.Shape)
	}
	fmt.Println("classes", sig.Classes.Ints)
	// Output:
	// onnx
	// takes income float32 [-1 1]
	// takes debt float32 [-1 1]
	// takes age float32 [-1 1]
	// takes city string [-1 1]
	// takes job string [-1 1]
	// gives label int64 [-1]
	// gives probabilities float32 [-1 2]
	// classes [0 1]
}

// XGBoost's own format. A missing number is NaN; the model has learnt a side
// for it in every split.
func ExampleLoad_missing() {
	m, err := engine.LoadFile("testdata/golden/xgb_early_stop/model.ubj")
	if err != nil {
		log.Fatal(err)
	}
	in := m.Signature().Inputs[0]
	b := m.NewBatch()
	b.Reset(1)
	row := b.Input(0).F32
	for i := range row {
		row[i] = float32(math.NaN())
	}
	row[0] = 0.5
	if err := b.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s of %d columns: class %d, probability %.4f\n", m.Signature().Format, in.Name, in.Width(), b.Output(0).I64[0], b.Output(1).F32[1])
	// Output:
	// xgboost-ubj X of 10 columns: class 1, probability 0.7872
}

// Columns of text are inputs of their own, and the empty string is missing text.
// XGBoost takes no category that it has not met in training, and neither does
// the engine: the signature lists them where the file is sure of them, and the error
// names the row.
func ExampleBatch_Run_text() {
	m, err := engine.LoadFile("testdata/golden/xgb_cat_strings/model.json")
	if err != nil {
		log.Fatal(err)
	}
	b := m.NewBatch()
	b.Reset(2)
	for i, in := range m.Signature().Inputs {
		switch x := b.Input(i); in.Name {
		case "city":
			x.Str[0], x.Str[1] = "Quito", ""
		case "job":
			fmt.Println(in.Categories[0])
			x.Str[0], x.Str[1] = "teacher", "driver"
		default:
			x.F32[0], x.F32[1] = 50, float32(math.NaN())
		}
	}
	if err := b.Run(); err != nil {
		log.Fatal(err)
	}
	for row := range b.Rows() {
		fmt.Printf("%.4f\n", b.Output(1).F32[2*row+1])
	}
	for i, in := range m.Signature().Inputs {
		if in.Name == "city" {
			b.Input(i).Str[1] = "Atlantis"
		}
	}
	value := (*engine.ValueError)(nil)
	if errors.As(b.Run(), &value) {
		fmt.Println("row", value.Row, "is refused:", value.Reason)
	}
	// Output:
	// [clerk driver nurse teacher]
	// 0.0492
	// 0.7382
	// row 1 is refused: "Atlantis" is no category of column "city"
}

// The kinds of errors tell whom to ask: whoever made the file, or us.
func ExampleUnsupportedError() {
	_, err := engine.Load([]byte("this is no model"))
	malformed, unsupported := (*engine.FormatError)(nil), (*engine.UnsupportedError)(nil)
	switch {
	case errors.Is(err, engine.ErrLimit):
		fmt.Println("the file is too large or too deep:", err)
	case errors.As(err, &malformed):
		fmt.Println("the file is damaged:", malformed.Reason)
	case errors.As(err, &unsupported):
		fmt.Println("the file needs", unsupported.Op)
	}
	// Output:
	// the file is damaged: the content is of no format that is known: ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON
}
