package record

// A shape is what a reader needs to know of a model.
type shape struct {
	short string // for the chart
	long  string
}

var shapes = map[string]shape{
	"xgboost-100x6":        {"XGBoost, 100 trees, depth 6", "XGBoost, 100 trees of depth 6, 28 columns"},
	"xgboost-500x6":        {"XGBoost, 500 trees, depth 6", "XGBoost, 500 trees of depth 6, 28 columns"},
	"xgboost-500-leafwise": {"XGBoost, 500 trees, 31 leaves", "XGBoost, 500 trees of 31 leaves, grown leaf by leaf, 28 columns"},
	"xgboost-1000x8":       {"XGBoost, 1,000 trees, depth 8", "XGBoost, 1,000 trees of depth 8, 28 columns"},
	"forest-100-deep":      {"Random forest, 100 deep trees", "scikit-learn random forest, 100 unpruned trees, 28 columns"},
	"lightgbm-100x63":      {"LightGBM, 100 trees, depth 6", "LightGBM, 100 trees of depth 6, up to 63 leaves, 28 columns"},
	"catboost-100x6":       {"CatBoost, 100 trees, depth 6", "CatBoost, 100 oblivious trees of depth 6, 28 columns"},
	"catboost-1000x8":      {"CatBoost, 1,000 trees, depth 8", "CatBoost, 1,000 oblivious trees of depth 8, 28 columns"},
	"xgboost-missing":      {"XGBoost, 500 trees, missing cells", "XGBoost, 500 trees of depth 6, every tenth cell missing"},
	"lightgbm-missing":     {"LightGBM, 200 trees, missing cells", "LightGBM, 200 trees of 31 leaves, every tenth cell missing"},
	"logistic-13":          {"Logistic regression, 13 columns", "scikit-learn pipeline of 13 numbers: scale 8, one-hot 5, logistic regression"},
	"columns-13":           {"Pipeline with text, 13 columns", "scikit-learn pipeline of 13 named columns, 8 numbers and 5 texts, every twelfth cell missing: impute, scale, one-hot, logistic regression"},
}

// wayNames say in a table whose way an id is.
var wayNames = map[string]string{
	OursONNX: "ours, ONNX file", OursNative: "ours, the framework's file",
	ORT: "ONNX Runtime, C", ORTPython: "ONNX Runtime, Python",
	"xgboost-c": "XGBoost, C", "xgboost-inplace": "XGBoost, Python in place", "xgboost-dmatrix": "XGBoost, Python DMatrix",
	"lightgbm-c": "LightGBM, C", "lightgbm-python": "LightGBM, Python",
	"catboost-python": "CatBoost, Python", "catboost-pool": "CatBoost, Python Pool",
	"sklearn":     "scikit-learn",
	"lleaves-row": "lleaves, for rows", "lleaves": "lleaves", "lleaves-python": "lleaves, Python",
	"tl2cgen": "tl2cgen",
	"ort":     "ONNX Runtime", "xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost",
}
