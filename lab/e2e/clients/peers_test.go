//go:build e2e

package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Ours deviates in nothing, with a model of named columns and one of all datatypes.
func TestOursConforms(t *testing.T) {
	for name, args := range map[string][]string{
		"heart-disease": {"-example", filepath.Join(root, "oinf/conform/testdata/heart.json"), "http://" + serve(t)},
		"echo":          {"http://" + serve(t, "MODEL="+filepath.Join(root, "oinf/conform/testdata/echo.onnx"))},
	} {
		all := conformance(t, "this server, model "+name, args...)
		for _, id := range outcome(all, "failed") {
			t.Errorf("%s: %s: %s\nsent: %s\ngot: %s", name, id, all[id].Reason, all[id].Request, all[id].Response)
		}
		t.Logf("%s: %d passed, %d not applicable", name, len(outcome(all, "passed")), len(outcome(all, "not applicable")))
	}
}

// mlserverFails are checks that MLServer 1.7.1 is known to fail, one or more of
// each kind of deviation: a tool that finds these finds faults.
var mlserverFails = []string{
	"batch-0",                  // 500
	"data-ragged",              // 500
	"big-length",               // a body of any size is read
	"grpc-raw-short",           // INTERNAL for what is wrong with the request
	"grpc-shape-negative",      // the same
	"grpc-model-ready-unknown", // UNKNOWN
	"id-unicode",               // copied into a header, which fails
	"input-name-unknown",       // scored under another name
	"json-broken",              // {"detail"} in the place of {"error"}
	"json-case-data",           // the same
	"json-duplicate-data",      // the last one is taken
	"live-body",                // no body
	"parameters-nested",        // taken
	"path-unknown",             // {"detail"}
	"range-uint8-above",        // 500
	"shape-negative",           // taken as any number
	"shape-too-long",           // 500
	"shape-transposed",         // taken
	"shape-wraps",              // 500, or taken
	"type-form",                // taken
	"value-mixed",              // 500
	"value-null",               // 500
	"value-object",             // 500
}

func TestMLServerDeviates(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "plain")
	if err := os.Mkdir(model, 0o755); err != nil {
		t.Fatal(err)
	}
	train := python(t, "mlserver", "python", "python/train.py", filepath.Join(model, "model.joblib"))
	if out, err := train.CombinedOutput(); err != nil {
		t.Fatalf("cannot fit the model: %v\n%s", err, out)
	}
	p := ports(t, 3)
	write(t, filepath.Join(dir, "settings.json"), map[string]any{
		"host": "127.0.0.1", "http_port": p[0], "grpc_port": p[1], "metrics_port": p[2], "debug": false, "parallel_workers": 0,
	})
	tensor := func(name, datatype string, width int) map[string]any {
		return map[string]any{"name": name, "datatype": datatype, "shape": []int{-1, width}}
	}
	write(t, filepath.Join(model, "model-settings.json"), map[string]any{
		"name": "plain", "implementation": "mlserver_sklearn.SKLearnModel",
		"parameters": map[string]any{"uri": "./model.joblib", "version": "v1"},
		"inputs":     []any{tensor("x", "FP64", 4)},
		"outputs":    []any{tensor("predict", "INT64", 1), tensor("predict_proba", "FP64", 2)},
	})
	cmd := python(t, "mlserver", "mlserver", "start", dir)
	cmd.Dir = dir
	ended := background(t, cmd)
	url := fmt.Sprintf("http://127.0.0.1:%d", p[0])
	await(t, url+"/v2/models/plain/ready", ended)

	all := conformance(t, "MLServer with a scikit-learn model", "-model", "plain", "-grpc", fmt.Sprintf("127.0.0.1:%d", p[1]), "-timeout", "5s", url)
	deviates(t, all, mlserverFails, []string{
		"live-status", "ready-status", "server-metadata", "model-metadata", "infer-unknown-model", "infer-unknown-model-404",
		"outputs-last", "batch-7", "data-row-major", "data-nested", "id-plain", "grpc-infer", "grpc-live", "grpc-ready",
	})
}

// kserveFails are checks that KServe 0.21.0's Python server is known to fail.
var kserveFails = []string{
	"answer-model-version",    // null
	"big-length",              // a body of any size is read
	"parameters-nested",       // taken
	"input-name-unknown",      // scored under another name
	"json-broken",             // {"detail"} in the place of {"error"}
	"json-duplicate-data",     // the last one is taken
	"model-metadata-platform", // empty
	"path-unknown",            // {"detail"}
	"shape-too-long",          // 500
	"value-string",            // 500
}

func TestKServeDeviates(t *testing.T) {
	p := ports(t, 2)
	ended := background(t, python(t, "clients", "python", "python/serve_kserve.py", fmt.Sprint(p[0]), fmt.Sprint(p[1])))
	url := fmt.Sprintf("http://127.0.0.1:%d", p[0])
	await(t, url+"/v2/models/plain/ready", ended)
	all := conformance(t, "KServe's Python server with a numpy model", "-model", "plain", "-grpc", fmt.Sprintf("127.0.0.1:%d", p[1]), "-timeout", "5s", url)
	deviates(t, all, kserveFails, []string{
		"live-status", "live-body", "ready-status", "server-metadata", "model-metadata", "infer-path", "batch-7", "data-row-major",
		"data-nested", "id-plain", "v1-list", "v1-predict", "grpc-infer", "grpc-live",
	})
}

// deviates wants a peer to fail what it is known to fail and to pass what it does
// right: the tool finds faults, and does not find them everywhere.
func deviates(t *testing.T, all map[string]result, fails, passes []string) {
	t.Helper()
	for want, ids := range map[string][]string{"failed": fails, "passed": passes} {
		for _, id := range ids {
			if all[id].Outcome != want {
				t.Errorf("%s: %+v, expected %s", id, all[id], want)
			}
		}
	}
	counts := map[string]int{}
	for _, r := range all {
		counts[r.Kind+", "+r.Outcome]++
	}
	t.Log(counts)
	if counts["specification, failed"] < 100 {
		t.Errorf("fewer than 100 deviations from the specification: %v", counts)
	}
}

// write writes a settings file.
func write(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
