package graph

// An operator is one entry of the table of what the engine runs.
type operator struct {
	domain, name string
	since        int64 // first operator set whose form of it is read
	types        types // of its first input
	build        func(*build) kernel
	alias        bool // it computes nothing: its output is its input
}

// The domains beside the default one, which is the empty string.
const (
	ml        = "ai.onnx.ml"
	microsoft = "com.microsoft"
)

// newest gives the highest operator set of a domain that the engine knows. A
// later one may give an operator another meaning.
func newest(domain string) int64 {
	switch domain {
	case "":
		return 27
	case ml:
		return 5
	}
	return 1
}

// operators lists what the engine runs.
func operators() []operator {
	return []operator{
		{"", "Abs", 1, numberTypes, unary, false},
		{"", "Acos", 7, floatTypes, unary, false},
		{"", "Add", 1, numberTypes, binary, false},
		{"", "And", 1, ofBool, logic, false},
		{"", "ArgMax", 1, numberTypes, arg, false},
		{"", "ArgMin", 1, numberTypes, arg, false},
		{"", "Asin", 7, floatTypes, unary, false},
		{"", "Atan", 7, floatTypes, unary, false},
		{"", "BatchNormalization", 7, floatTypes, batchNorm, false},
		{"", "Cast", 6, anyType, cast, false},
		{"", "CastLike", 15, anyType, castLike, false},
		{"", "Ceil", 1, floatTypes, unary, false},
		{"", "Celu", 12, floatTypes, activation, false},
		{"", "Clip", 6, numberTypes, clip, false},
		{"", "Concat", 4, anyType, concat, false},
		{"", "Constant", 1, anyType, constant, false},
		{"", "ConstantOfShape", 9, ofInt64, constantOfShape, false},
		{"", "Cos", 7, floatTypes, unary, false},
		{"", "Cosh", 9, floatTypes, unary, false},
		{"", "CumSum", 11, numberTypes, cumSum, false},
		{"", "Div", 1, numberTypes, binary, false},
		{"", "Dropout", 7, floatTypes, dropout, false},
		{"", "Einsum", 12, signedTypes, einsum, false},
		{"", "Elu", 1, floatTypes, activation, false},
		{"", "Equal", 1, anyType, compare, false},
		{"", "Erf", 9, floatTypes, unary, false},
		{"", "Exp", 1, floatTypes, unary, false},
		{"", "Expand", 8, anyType, expand, false},
		{"", "EyeLike", 9, numberTypes, eyeLike, false},
		{"", "Flatten", 1, anyType, flatten, false},
		{"", "Floor", 1, floatTypes, unary, false},
		{"", "Gather", 1, anyType, gather, false},
		{"", "GatherElements", 11, anyType, gatherElements, false},
		{"", "Gemm", 1, floatTypes, gemm, false},
		{"", "Greater", 1, numberTypes, compare, false},
		{"", "GreaterOrEqual", 12, numberTypes, compare, false},
		{"", "HardSigmoid", 1, floatTypes, activation, false},
		{"", "Hardmax", 1, floatTypes, alongAxis, false},
		{"", "Identity", 1, anyType, identity, true},
		{"", "IsInf", 10, floatTypes, isInf, false},
		{"", "IsNaN", 9, floatTypes, isNaN, false},
		{"", "LeakyRelu", 1, floatTypes, activation, false},
		{"", "Less", 1, numberTypes, compare, false},
		{"", "LessOrEqual", 12, numberTypes, compare, false},
		{"", "Log", 1, floatTypes, unary, false},
		{"", "LogSoftmax", 1, floatTypes, alongAxis, false},
		{"", "LpNormalization", 1, floatTypes, lpNormalization, false},
		{"", "MatMul", 1, signedTypes, matmul, false},
		{"", "Max", 1, numberTypes, variadic, false},
		{"", "Mean", 1, floatTypes, variadic, false},
		{"", "Min", 1, numberTypes, variadic, false},
		{"", "Mod", 10, numberTypes, mod, false},
		{"", "Mul", 1, numberTypes, binary, false},
		{"", "Neg", 1, signedTypes, unary, false},
		{"", "NonZero", 9, numberTypes | ofBool, nonZero, false},
		{"", "Not", 1, ofBool, not, false},
		{"", "OneHot", 9, numberTypes, oneHot, false},
		{"", "Or", 1, ofBool, logic, false},
		{"", "Pow", 1, numberTypes, pow, false},
		{"", "Range", 11, signedTypes, rangeOf, false},
		{"", "Reciprocal", 1, floatTypes, unary, false},
		{"", "ReduceL1", 1, signedTypes, reduce, false},
		{"", "ReduceL2", 1, signedTypes, reduce, false},
		{"", "ReduceLogSum", 1, signedTypes, reduce, false},
		{"", "ReduceLogSumExp", 1, signedTypes, reduce, false},
		{"", "ReduceMax", 1, numberTypes | ofBool, reduce, false},
		{"", "ReduceMean", 1, signedTypes, reduce, false},
		{"", "ReduceMin", 1, numberTypes | ofBool, reduce, false},
		{"", "ReduceProd", 1, signedTypes, reduce, false},
		{"", "ReduceSum", 1, signedTypes, reduce, false},
		{"", "ReduceSumSquare", 1, signedTypes, reduce, false},
		{"", "Relu", 1, signedTypes, unary, false},
		{"", "Reshape", 1, anyType, reshape, false},
		{"", "Round", 11, floatTypes, unary, false},
		{"", "Scan", 9, anyType, scan, false},
		{"", "Selu", 1, floatTypes, activation, false},
		{"", "SequenceConstruct", 11, anyType, sequence, false},
		{"", "Shape", 1, anyType, shape, false},
		{"", "Sigmoid", 1, floatTypes, unary, false},
		{"", "Sign", 9, numberTypes, unary, false},
		{"", "Sin", 7, floatTypes, unary, false},
		{"", "Sinh", 9, floatTypes, unary, false},
		{"", "Size", 1, anyType, size, false},
		{"", "Slice", 1, anyType, slice, false},
		{"", "Softmax", 1, floatTypes, alongAxis, false},
		{"", "Softplus", 1, floatTypes, unary, false},
		{"", "Softsign", 1, floatTypes, unary, false},
		{"", "Split", 2, anyType, split, false},
		{"", "Sqrt", 1, floatTypes, unary, false},
		{"", "Squeeze", 1, anyType, squeeze, false},
		{"", "Sub", 1, numberTypes, binary, false},
		{"", "Sum", 1, numberTypes, variadic, false},
		{"", "Tan", 7, floatTypes, unary, false},
		{"", "Tanh", 1, floatTypes, unary, false},
		{"", "ThresholdedRelu", 10, floatTypes, activation, false},
		{"", "Tile", 6, anyType, tile, false},
		{"", "TopK", 1, numberTypes, topK, false},
		{"", "Transpose", 1, anyType, transpose, false},
		{"", "Unsqueeze", 1, anyType, unsqueeze, false},
		{"", "Where", 9, ofBool, where, false},
		{"", "Xor", 1, ofBool, logic, false},
		{ml, "ArrayFeatureExtractor", 1, anyType, arrayFeatureExtractor, false},
		{ml, "Binarizer", 1, signedTypes, binarizer, false},
		{ml, "FeatureVectorizer", 1, signedTypes, featureVectorizer, false},
		{ml, "Imputer", 1, floatTypes | ofInt64, imputer, false},
		{ml, "LabelEncoder", 1, floatTypes | ofInt64 | ofString, labelEncoder, false},
		{ml, "LinearClassifier", 1, signedTypes, linearClassifier, false},
		{ml, "LinearRegressor", 1, signedTypes, linearRegressor, false},
		{ml, "Normalizer", 1, signedTypes, normalizer, false},
		{ml, "OneHotEncoder", 1, signedTypes | ofString, oneHotEncoder, false},
		{ml, "SVMClassifier", 1, signedTypes, svmClassifier, false},
		{ml, "SVMRegressor", 1, signedTypes, svmRegressor, false},
		{ml, "Scaler", 1, signedTypes, scaler, false},
		{ml, "TreeEnsemble", 5, floatTypes, treeEnsemble, false},
		{ml, "TreeEnsembleClassifier", 1, signedTypes, treeClassifier, false},
		{ml, "TreeEnsembleRegressor", 1, signedTypes, treeRegressor, false},
		{ml, "ZipMap", 1, floatTypes, zipMap, true},
		{microsoft, "CDist", 1, floatTypes, cDist, false},
	}
}

// admits checks the operator set and the type of the first input.
func (op *operator) admits(b *build) error {
	switch {
	case b.version < op.since:
		b.refuse("operator set %d, it is read from %d on", b.version, op.since)
	case b.version > newest(op.domain):
		b.refuse("operator set %d, the engine knows those up to %d", b.version, newest(op.domain))
	case b.input(0) != nil && !op.types.has(b.typ(0)):
		b.refuse("input 0 has type %v", b.typ(0))
	}
	return b.err
}
