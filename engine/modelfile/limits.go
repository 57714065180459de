package modelfile

// Limits on what a model file may hold. They stand far above what training
// tools write for tabular models (a forest of 450,000 nodes is large) and keep a
// hostile file from costing more than a small multiple of its own size.
const (
	MaxNodes   = 1 << 16 // operators in a graph, subgraphs included
	MaxValues  = 1 << 18 // named values in a graph, initialisers included
	MaxDepth   = 16      // of nested messages that the file's author controls
	MaxRank    = 8       // dimensions of a tensor
	MaxColumns = 1 << 20 // elements in one row of any value
	MaxStep    = 1 << 26 // elements that one operator gives for a batch
	MaxProbe   = 1 << 24 // elements that all operators give for the few rows tried at load
	MaxRun     = 1 << 25 // elements that all operators give for one batch; it bounds the rows of a batch
)
