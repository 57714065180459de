package graph

// An operator is one entry of the table of what the engine runs.
type operator struct {
	domain, name string
	build        func(*build) kernel
	alias        bool // it computes nothing: its output is its input
}

const ml = "ai.onnx.ml"

// operators lists what the engine runs. The default domain is the empty string.
func operators() []operator {
	return []operator{
		{"", "Abs", unary("Abs"), false},
		{"", "Add", binary("Add"), false},
		{"", "ArgMax", arg(false), false},
		{"", "ArgMin", arg(true), false},
		{"", "Cast", cast, false},
		{"", "Concat", concat, false},
		{"", "Div", binary("Div"), false},
		{"", "Equal", compare("Equal"), false},
		{"", "Exp", unary("Exp"), false},
		{"", "Gather", gather, false},
		{"", "Greater", compare("Greater"), false},
		{"", "Identity", identity, true},
		{"", "Less", compare("Less"), false},
		{"", "LpNormalization", lpNormalization, false},
		{"", "MatMul", matmul, false},
		{"", "Mul", binary("Mul"), false},
		{"", "Neg", unary("Neg"), false},
		{"", "Not", not, false},
		{"", "ReduceSum", reduceSum, false},
		{"", "Relu", unary("Relu"), false},
		{"", "Reshape", reshape, false},
		{"", "Sigmoid", unary("Sigmoid"), false},
		{"", "Slice", slice, false},
		{"", "Split", split, false},
		{"", "Sqrt", unary("Sqrt"), false},
		{"", "Sub", binary("Sub"), false},
		{"", "Tanh", unary("Tanh"), false},
		{"", "Where", where, false},
		{ml, "ArrayFeatureExtractor", arrayFeatureExtractor, false},
		{ml, "Imputer", imputer, false},
		{ml, "LabelEncoder", labelEncoder, false},
		{ml, "LinearClassifier", linearClassifier, false},
		{ml, "LinearRegressor", linearRegressor, false},
		{ml, "Normalizer", normalizer, false},
		{ml, "OneHotEncoder", oneHotEncoder, false},
		{ml, "Scaler", scaler, false},
		{ml, "TreeEnsembleClassifier", treeClassifier, false},
		{ml, "TreeEnsembleRegressor", treeRegressor, false},
		{ml, "ZipMap", zipMap, true},
	}
}

func lookup(domain, name string) *operator {
	for _, op := range operators() {
		if op.domain == domain && op.name == name {
			return &op
		}
	}
	return nil
}
