package main

import (
	"context"

	"online-inference/lab/cluster"
	"online-inference/lab/target"
)

// runMetrics adds the metrics server to the lab's own cluster. Another cluster
// has its own way, and objects in kube-system are not ours to make there.
func runMetrics(ctx context.Context, _, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	existing, err := target.IsExisting(environ)
	if err != nil {
		return err
	}
	if existing {
		return &cluster.Refusal{Reason: "the metrics server of an existing cluster is its owner's matter",
			Advice: "See whether it has one:  kubectl top nodes"}
	}
	return l.Metrics(ctx)
}
