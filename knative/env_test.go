package knative

import (
	"fmt"
	"os"
	"time"

	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"online-inference/knative/configenv"
)

// readServer reads what the function expects from its source and its bundled
// artefacts.
func readServer(root string) (server, error) {
	env, err := configenv.Read(root + "/function/config.go")
	if err != nil {
		return server{}, err
	}
	srv := server{env: env, versions: map[string]bool{}}
	entries, err := os.ReadDir(root + "/function/kodata/models/heart-disease")
	if err != nil {
		return server{}, fmt.Errorf("cannot list the bundled versions: %w", err)
	}
	for _, e := range entries {
		srv.versions[e.Name()] = e.IsDir()
	}
	return srv, nil
}

// checkEnv asks that every variable is one that the server reads, that the
// model version is bundled, and that the server's own time limits fit into the
// pod's.
func checkEnv(o object, spec servingv1.RevisionSpec, srv server, add report) {
	set := map[string]string{}
	for _, e := range spec.Containers[0].Env {
		if _, ok := srv.env[e.Name]; !ok {
			add(o, "env %s is not read by the server", e.Name)
		}
		if _, ok := set[e.Name]; ok {
			add(o, "env %s is given twice", e.Name)
		}
		set[e.Name] = e.Value
	}
	if v := set["MODEL_VERSION"]; !srv.versions[v] {
		add(o, "MODEL_VERSION %q is not bundled", v)
	}
	if p := set["METRICS_PORT"]; p == "" || p == "8080" {
		add(o, "METRICS_PORT %q would put /metrics on the public port", p)
	}

	duration := func(name string) time.Duration {
		text, ok := set[name]
		if !ok {
			text = srv.env[name]
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			add(o, "env %s: %v", name, err)
		}
		return d
	}
	if spec.TimeoutSeconds == nil {
		add(o, "no timeoutSeconds")
		return
	}
	limit := time.Duration(*spec.TimeoutSeconds) * time.Second
	if d := duration("REQUEST_TIMEOUT"); d > limit {
		add(o, "REQUEST_TIMEOUT %s is above timeoutSeconds %s", d, limit)
	}
	if d := duration("DRAIN_DELAY") + duration("DRAIN_TIMEOUT"); d >= limit {
		add(o, "DRAIN_DELAY + DRAIN_TIMEOUT %s is not below the grace period %s", d, limit)
	}
}
