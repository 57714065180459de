package modelfile

// Limits on what a model file may hold. They stand far above what training
// tools write for tabular models (a forest of 450,000 nodes is large) and keep a
// hostile file from costing more than a small multiple of its own size. The
// table in docs/reference/limits.md is made of these lines.
const (
	MaxNodes    = 1 << 16 // ONNX: operators in a graph, subgraphs included
	MaxValues   = 1 << 18 // ONNX: named values in a graph, initialisers included
	MaxDepth    = 16      // ONNX: messages within messages
	MaxRank     = 8       // ONNX: dimensions of a tensor
	MaxColumns  = 1 << 20 // elements in one row of any value; features and targets of ONNX trees
	MaxStep     = 1 << 26 // ONNX: elements that one operator gives for a batch
	MaxProbe    = 1 << 24 // ONNX: words of 4 bytes that the constants computed at load, and all operators for the few rows tried then, need
	MaxWork     = 1 << 28 // ONNX: steps of arithmetic at load (products, sums, comparisons, moved elements, nodes of trees)
	MaxGrowth   = 1 << 20 // ONNX: words of 4 bytes that a batch may need beyond twice what the rows tried at load foretell
	MaxExtra    = 1 << 24 // ONNX: steps of arithmetic that a batch may take beyond twice what the rows tried at load foretell
	MaxRun      = 1 << 25 // elements that a batch needs, those between the operators included; it bounds the rows
	MaxTrees    = 1 << 27 // nodes of all trees, one more for each tree
	MaxPath     = 1 << 16 // steps from the root of a tree to its deepest leaf
	MaxSteps    = 1 << 23 // steps that a row takes down all trees, one more for each tree
	MaxNesting  = 256     // JSON and UBJSON: arrays and objects within one another
	MaxTargets  = 1 << 16 // XGBoost, LightGBM, CatBoost: classes or targets
	MaxLevels   = 16      // CatBoost: levels of an oblivious tree, as CatBoost itself allows
	MaxCategory = 1 << 24 // XGBoost: category codes
	MaxSetWords = 1 << 20 // XGBoost: 32-bit words of all sets of categories, beyond two for each byte of the file
	MaxInputs   = 1 << 14 // XGBoost, LightGBM, CatBoost: columns of a model with columns of text, each of which is an input
	MaxUnnamed  = 1 << 16 // CatBoost: columns, where they are more than the file has bytes
)
