//go:build e2e

// Package e2e shows the project's main job on a real cluster: revisions, the
// split between them, scale to zero and back, and what happens when something
// is wrong. The cluster is the lab's, or the one that LAB=existing names.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	servingclient "knative.dev/serving/pkg/client/clientset/versioned"
	"sigs.k8s.io/e2e-framework/klient/conf"
	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
)

// suite is what all tests share.
type suite struct {
	root    string   // of the checkout
	environ []string // with .lab/env in it, as after `. .lab/env`
	env     env.Environment
	kube    kubernetes.Interface
	serving servingclient.Interface
}

var lab suite

func TestMain(m *testing.M) {
	if err := lab.open(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		os.Exit(1)
	}
	os.Exit(lab.env.Run(m))
}

func (s *suite) open() error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	s.root = root
	s.environ, err = labEnvironment(filepath.Join(root, ".lab", "env"))
	if err != nil {
		return fmt.Errorf("no cluster: run `make up` first: %w", err)
	}
	config, err := conf.New(variable(s.environ, "KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	if s.kube, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if s.serving, err = servingclient.NewForConfig(config); err != nil {
		return err
	}
	if _, err := s.kube.Discovery().ServerVersion(); err != nil {
		return fmt.Errorf("no cluster answers: run `make up` first: %w", err)
	}
	s.env = env.NewWithConfig(envconf.New().WithKubeconfigFile(variable(s.environ, "KUBECONFIG")))
	return nil
}

// labEnvironment is the environment of this process after `. .lab/env`.
func labEnvironment(path string) ([]string, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	out, err := command(context.Background(), ".", os.Environ(), "bash", "-c", `. "$0" && env -0`, path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00"), nil
}

func variable(environ []string, name string) string {
	for _, e := range environ {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// feature runs a test in a namespace of its own, which goes away afterwards.
func feature(t *testing.T, what string, assess func(ctx context.Context, t *testing.T, n *namespace)) {
	t.Helper()
	var n *namespace
	lab.env.Test(t, features.New(what).
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			n = newNamespace(ctx, t)
			return ctx
		}).
		Assess(what, func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			limited, cancel := context.WithTimeout(ctx, 15*time.Minute)
			defer cancel()
			assess(limited, t, n)
			return ctx
		}).
		Teardown(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			n.remove(ctx, t)
			return ctx
		}).Feature())
}
