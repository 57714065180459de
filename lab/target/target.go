// Package target says which cluster a command works on: the lab's own one, or
// an existing one that the user has named and agreed to.
package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"knative.dev/serving/pkg/client/clientset/versioned"
)

// The label of everything that the lab makes in somebody else's cluster.
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedBy      = "online-inference-lab"
	// DefaultNamespace is where the lab works in an existing cluster.
	DefaultNamespace = "online-inference-lab"
)

// ErrRefused is a refusal before the first write.
var ErrRefused = errors.New("refused")

// Target is one namespace of one cluster.
type Target struct {
	Config    *rest.Config
	Core      kubernetes.Interface
	Serving   versioned.Interface
	Namespace string
	// Context and Server name the cluster for humans.
	Context, Server string
	// Existing says that the cluster is not the lab's own.
	Existing bool
	// Environ is for ko: it finds the registry and the base image there.
	Environ []string
	// Ingress is the host:port where routes are served; "" means that the
	// route's own host name is looked up in DNS.
	Ingress string
}

// Options are the user's choices, taken from the environment by FromEnviron.
type Options struct {
	Context   string
	Namespace string
	Ingress   string
	Yes       bool
	Environ   []string
}

// FromEnviron reads KUBE_CONTEXT, NAMESPACE, INGRESS and YES.
func FromEnviron(environ []string) Options {
	get := func(key string) string {
		value := ""
		for _, kv := range environ {
			if k, v, ok := strings.Cut(kv, "="); ok && k == key {
				value = v
			}
		}
		return value
	}
	return Options{Context: get("KUBE_CONTEXT"), Namespace: get("NAMESPACE"), Ingress: get("INGRESS"),
		Yes: get("YES") == "1", Environ: environ}
}

// IsExisting says whether environ asks for an existing cluster.
func IsExisting(environ []string) (bool, error) {
	value := ""
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == "LAB" {
			value = v
		}
	}
	switch value {
	case "":
		return false, nil
	case "existing":
		return true, nil
	default:
		return false, fmt.Errorf("LAB=%s is not known; leave it out or use LAB=existing (%w)", value, ErrRefused)
	}
}

// Existing finds the named context in the user's kubeconfig. It never takes
// the current context: that may be anything, production included.
func Existing(o Options) (*Target, error) {
	if o.Context == "" {
		return nil, fmt.Errorf("LAB=existing needs KUBE_CONTEXT=NAME; the current context is never used in silence (%w)", ErrRefused)
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	raw, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	if _, ok := raw.Contexts[o.Context]; !ok {
		return nil, fmt.Errorf("the kubeconfig has no context %q; it has %s (%w)", o.Context, contextNames(raw), ErrRefused)
	}
	namespace := o.Namespace
	if namespace == "" {
		namespace = DefaultNamespace
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, o.Context, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot use the context %s: %w", o.Context, err)
	}
	t := &Target{Config: config, Namespace: namespace, Context: o.Context, Server: config.Host, Existing: true,
		Environ: o.Environ, Ingress: o.Ingress}
	return t, t.connect()
}

func contextNames(raw *clientcmdapi.Config) string {
	names := make([]string, 0, len(raw.Contexts))
	for name := range raw.Contexts {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Own is the lab's own cluster, by its kubeconfig.
func Own(kubeconfig, namespace, ingress string, environ []string) (*Target, error) {
	data, err := os.ReadFile(kubeconfig)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the cluster is not up; start it with: make up")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(data)
	if err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig: %w", err)
	}
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	t := &Target{Config: config, Namespace: namespace, Context: "online-inference-lab", Server: config.Host,
		Environ: environ, Ingress: ingress}
	return t, t.connect()
}

func (t *Target) connect() (err error) {
	t.Config.QPS, t.Config.Burst = 50, 100
	if t.Core, err = kubernetes.NewForConfig(t.Config); err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	if t.Serving, err = versioned.NewForConfig(t.Config); err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	return nil
}

// Prepare shows what an existing cluster is about to get, asks unless yes, and
// makes the namespace. A namespace that the lab did not make is refused.
func (t *Target) Prepare(ctx context.Context, yes bool, in io.Reader, out io.Writer) error {
	if !t.Existing {
		return nil
	}
	fmt.Fprintf(out, "context    %s\nserver     %s\nnamespace  %s\n", t.Context, t.Server, t.Namespace)
	ns, err := t.Core.CoreV1().Namespaces().Get(ctx, t.Namespace, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("cannot look at the namespace: %w", err)
	}
	if !missing && ns.Labels[ManagedByLabel] != ManagedBy {
		return fmt.Errorf("the namespace %s exists and was not made by the lab (no label %s=%s); choose another: NAMESPACE=NAME (%w)",
			t.Namespace, ManagedByLabel, ManagedBy, ErrRefused)
	}
	if _, err := t.Core.Discovery().ServerResourcesForGroupVersion("serving.knative.dev/v1"); err != nil {
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("the cluster has no Knative Serving, and nothing is installed into a cluster that is not ours (%w)", ErrRefused)
		}
		return fmt.Errorf("cannot ask the cluster for Knative Serving: %w", err)
	}
	if !yes {
		fmt.Fprint(out, "Everything goes into this namespace. Go on? [y/N] ")
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("cannot read the answer: %w", err)
		}
		if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
			return fmt.Errorf("not agreed to; nothing was changed (%w)", ErrRefused)
		}
	}
	if missing {
		ns = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.Namespace, Labels: map[string]string{ManagedByLabel: ManagedBy}}}
		if _, err := t.Core.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("cannot make the namespace: %w", err)
		}
		fmt.Fprintf(out, "made the namespace %s\n", t.Namespace)
	}
	return nil
}

// Writable refuses a namespace of an existing cluster that Prepare did not make.
func (t *Target) Writable(ctx context.Context) error {
	if !t.Existing {
		return nil
	}
	ns, err := t.Core.CoreV1().Namespaces().Get(ctx, t.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("the namespace %s does not exist in the context %s; make it with: make up LAB=existing KUBE_CONTEXT=%s (%w)",
			t.Namespace, t.Context, t.Context, ErrRefused)
	}
	if err != nil {
		return fmt.Errorf("cannot look at the namespace: %w", err)
	}
	if ns.Labels[ManagedByLabel] != ManagedBy {
		return fmt.Errorf("the namespace %s was not made by the lab (no label %s=%s) (%w)", t.Namespace, ManagedByLabel, ManagedBy, ErrRefused)
	}
	return nil
}
