package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"online-inference/lab/steps"
)

// The module of the metrics server, the name of its Deployment,
// and the image that its manifests name.
const (
	metricsModule     = "sigs.k8s.io/metrics-server"
	metricsDeployment = "metrics-server"
	metricsImage      = "gcr.io/k8s-staging-metrics-server/metrics-server"
)

// Metrics adds the metrics server to the cluster that is up: what `kubectl top`
// and HorizontalPodAutoscalers read. It is no step of Up, because its first
// build takes minutes and nothing on Knative needs it. It returns when the node's
// figures have arrived, and at once when they are there already.
func (l *Lab) Metrics(ctx context.Context) (err error) {
	release, err := l.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	u, err := l.attach(ctx)
	if err != nil {
		return err
	}
	display := l.display()
	err = steps.Run(ctx, u.metricsSteps(), display, steps.Options{Heavy: 1, Now: time.Now})
	display.Close()
	if err = errors.Join(err, l.giveBackState()); err != nil {
		return fmt.Errorf("cannot add the metrics server: %w\nIts build's log: %s", err, l.logPath("build-metrics-server"))
	}
	return nil
}

// attach prepares for steps on the cluster of this checkout, which has to be up.
func (l *Lab) attach(ctx context.Context) (*up, error) {
	r, err := readRecord(l.RecordPath)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, &Refusal{Reason: "no lab is running on this machine", Advice: "Start it:  make up"}
	}
	if r.Owner != l.Root {
		return nil, foreignLab(r.Owner)
	}
	u := &up{Lab: l, record: r}
	data, err := os.ReadFile(l.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	if u.clients, err = newClients(data); err != nil {
		return nil, err
	}
	environ, err := l.ToolEnviron()
	if err != nil {
		return nil, err
	}
	u.baseReference = lookup(environ, "KO_DEFAULTBASEIMAGE")
	out, err := l.output(ctx, "build-metrics-server", l.Root, l.goEnviron(), "go", "env", "GOVERSION")
	if err != nil {
		return nil, fmt.Errorf("cannot ask the Go tool for its release: %w", err)
	}
	u.goRelease = strings.TrimSpace(string(out))
	return u, nil
}

func (u *up) metricsSteps() []steps.Step {
	var reference string
	return []steps.Step{
		{Name: "ko", Title: "build ko", Heavy: true, Run: u.buildStep(toolProgram("ko", "github.com/google/ko"))},
		{Name: "image", Title: "build the metrics server", Heavy: true, Needs: []string{"ko"},
			Run: stepBool(func(ctx context.Context) (already bool, err error) {
				reference, already, err = u.metricsImage(ctx)
				return already, err
			})},
		{Name: "install", Title: "metrics server", Needs: []string{"image"},
			Run: stepBool(func(ctx context.Context) (bool, error) { return u.installMetrics(ctx, reference) })},
		{Name: "figures", Title: "figures of the node", Needs: []string{"install"}, Run: u.stepFigures},
	}
}

// metricsImage builds the image into the lab's registry, from where the node pulls
// it as it does Knative's, and returns its reference by digest.
func (u *up) metricsImage(ctx context.Context) (reference string, already bool, err error) {
	const component = "metrics-server"
	key, err := u.contentKey(component, u.baseReference, registryAddr)
	if err != nil {
		return "", false, err
	}
	stamp := filepath.Join(u.Cache, "images", component+"-"+key)
	known, err := os.ReadFile(stamp)
	if err == nil && hasImage(ctx, string(known)) {
		return string(known), true, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("cannot look for the metrics server's image: %w", err)
	}
	if err := u.makeCacheDir(filepath.Dir(stamp)); err != nil {
		return "", false, err
	}
	env := u.goEnviron("KO_DOCKER_REPO="+registryAddr+"/lab/"+component, "KO_DEFAULTBASEIMAGE="+u.baseReference)
	out, err := u.output(ctx, "build-"+component, u.componentDir(component), env, u.path("bin", "ko"), "build", "--bare",
		"--platform", hostPlatform(), "--sbom", "none", "--tags", key, metricsModule+"/cmd/metrics-server")
	if err != nil {
		return "", false, err
	}
	digest, err := name.NewDigest(strings.TrimSpace(string(out)))
	if err != nil {
		return "", false, fmt.Errorf("cannot read the reference that ko printed: %w", err)
	}
	reference = digest.Context().Name() + "@" + digest.DigestStr()
	if err := os.WriteFile(stamp, []byte(reference), 0o644); err != nil {
		return "", false, fmt.Errorf("cannot keep the reference of the metrics server's image: %w", err)
	}
	return reference, false, u.giveBack(stamp)
}

// metricsOverlay changes upstream's manifests, by kustomize, to the lab's image
// and to what suits a lab of one node: the kubelet's certificate is signed by the
// cluster's own authority, so it is checked, where clusters of kubeadm or kind
// need --kubelet-insecure-tls.
func metricsOverlay(reference string) string {
	image, digest, _ := strings.Cut(reference, "@")
	return fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [base]
images:
- {name: %s, newName: %q, digest: %q}
patches:
- target: {kind: Deployment, name: %s}
  patch: |-
    - op: add
      path: /spec/template/spec/containers/0/args/-
      value: --kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt
    - op: replace
      path: /spec/template/spec/containers/0/resources/requests
      value: {cpu: 20m, memory: 64Mi}
    - op: replace
      path: /spec/template/spec/containers/0/readinessProbe/initialDelaySeconds
      value: 1
    - op: replace
      path: /spec/template/spec/containers/0/readinessProbe/periodSeconds
      value: 2
`, metricsImage, image, digest, metricsDeployment)
}

// metricsManifests renders upstream's manifests with the overlay by kubectl.
func (u *up) metricsManifests(ctx context.Context, reference string) (text []byte, err error) {
	module, err := u.moduleDir(ctx, "metrics-server", metricsModule)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(u.Run, "metrics-server-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for manifests: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// A copy: kustomize takes no resources from outside of the overlay's folder.
	if err := os.CopyFS(filepath.Join(work, "base"), os.DirFS(filepath.Join(module, "manifests", "base"))); err != nil {
		return nil, fmt.Errorf("cannot copy the manifests of %s: %w", metricsModule, err)
	}
	if err := writeFile(filepath.Join(work, "kustomization.yaml"), metricsOverlay(reference)); err != nil {
		return nil, err
	}
	return u.output(ctx, "build-metrics-server", work, systemEnviron(), u.path("bin", "kubectl"), "kustomize", work)
}

// installMetrics applies the manifests unless the cluster runs this very content.
func (u *up) installMetrics(ctx context.Context, reference string) (already bool, err error) {
	text, err := u.metricsManifests(ctx, reference)
	if err != nil {
		return false, err
	}
	content := digestOf(string(text))
	deployments := u.clients.typed.AppsV1().Deployments(metav1.NamespaceSystem)
	now, err := deployments.Get(ctx, metricsDeployment, metav1.GetOptions{})
	switch {
	case err == nil && now.Annotations[contentAnnotation] == content:
		return true, nil
	case err != nil && !apierrors.IsNotFound(err):
		return false, fmt.Errorf("cannot look for the metrics server: %w", err)
	}
	objects, err := decodeYAML(text)
	if err != nil {
		return false, err
	}
	return false, u.clients.apply(ctx, marked(objects, content))
}

// marked notes the content on the Deployment, which is how the next run knows it.
func marked(objects []*unstructured.Unstructured, content string) []*unstructured.Unstructured {
	for _, o := range objects {
		if o.GetKind() == "Deployment" {
			o.SetAnnotations(map[string]string{contentAnnotation: content})
		}
	}
	return objects
}

// stepFigures waits until the API answers with the node's CPU and memory.
func (u *up) stepFigures(ctx context.Context, report *steps.Report) error {
	return wait(ctx, 3*time.Minute, time.Second, func(ctx context.Context) error {
		cpu, memory, err := u.clients.nodeUsage(ctx)
		if err == nil {
			report.Notef("CPU %s, memory %s", cpu, memory)
		}
		return err
	})
}

// nodeUsage asks the metrics API, as kubectl top does.
func (c *clients) nodeUsage(ctx context.Context) (cpu, memory string, err error) {
	data, err := c.typed.RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/nodes/" + nodeName).DoRaw(ctx)
	if err != nil {
		return "", "", fmt.Errorf("the metrics API does not answer: %w", err)
	}
	var node struct {
		Usage struct{ CPU, Memory string }
	}
	if err := json.Unmarshal(data, &node); err != nil {
		return "", "", fmt.Errorf("cannot decode the node's figures: %w", err)
	}
	if node.Usage.CPU == "" || node.Usage.Memory == "" {
		return "", "", errors.New("the metrics API has no figures of the node yet")
	}
	return node.Usage.CPU, node.Usage.Memory, nil
}
