package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	v1 "knative.dev/serving/pkg/apis/serving/v1"
	servingclient "knative.dev/serving/pkg/client/clientset/versioned/typed/serving/v1"
	"sigs.k8s.io/yaml"
)

// readyTimeout is how long a revision or a route may take. A first start
// pulls the image; a revision that cannot start says so long before.
const readyTimeout = 3 * time.Minute

const interval = 100 * time.Millisecond

// Manifests are the two Knative Services of the project, images resolved.
type Manifests struct{ V1, V2 *v1.Service }

// Client works on one namespace.
type Client struct {
	Services  servingclient.ServiceInterface
	Revisions servingclient.RevisionInterface
	Namespace string
	Out       io.Writer
}

// New makes a client for a namespace.
func New(serving servingclient.ServingV1Interface, namespace string, out io.Writer) *Client {
	return &Client{Services: serving.Services(namespace), Revisions: serving.Revisions(namespace), Namespace: namespace, Out: out}
}

// Resolve builds and pushes the function with ko and reads both manifests.
func Resolve(ctx context.Context, root string, environ []string) (*Manifests, error) {
	var services [2]*v1.Service
	for i, name := range []string{"10-service-v1.yaml", "20-service-v2.yaml"} {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, "ko", "resolve", "--filename", filepath.Join("knative", name))
		path, err := lookPath("ko", environ)
		if err != nil {
			return nil, err
		}
		cmd.Path, cmd.Err = path, nil
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, environ, &stdout, &stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("ko cannot build %s: %w\n%s", name, err, strings.TrimSpace(stderr.String()))
		}
		services[i] = &v1.Service{}
		document := strings.TrimPrefix(strings.TrimSpace(stdout.String()), "---")
		if err := yaml.UnmarshalStrict([]byte(strings.TrimSuffix(document, "---")), services[i]); err != nil {
			return nil, fmt.Errorf("cannot read the manifest %s: %w", name, err)
		}
	}
	return &Manifests{V1: services[0], V2: services[1]}, nil
}

// lookPath finds a program on the PATH of environ.
func lookPath(program string, environ []string) (string, error) {
	for i := len(environ) - 1; i >= 0; i-- {
		list, ok := strings.CutPrefix(environ[i], "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
				return path, nil
			}
		}
		break
	}
	return "", fmt.Errorf("cannot find %s on the PATH", program)
}

// Deploy brings the Service to what the manifests say. No request is lost and
// no revision gets traffic before it is Ready: new revisions are made first,
// one after the other, then the traffic is moved with its shares as they were.
func (c *Client) Deploy(ctx context.Context, m *Manifests, fresh bool) error {
	name := m.V1.Name
	if m.V2.Name != name {
		return fmt.Errorf("the manifests name two Services, %s and %s, and not one", name, m.V2.Name)
	}
	if fresh {
		if err := c.remove(ctx, name); err != nil {
			return err
		}
	}
	service, err := c.Services.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return c.first(ctx, m)
	case err != nil:
		return fmt.Errorf("cannot read the Service %s: %w", name, err)
	}
	return c.again(ctx, service, m)
}

// first is a deployment into an empty namespace: v1, wait, v2, wait.
func (c *Client) first(ctx context.Context, m *Manifests) error {
	if _, err := c.Services.Create(ctx, m.V1, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot make the Service %s: %w", m.V1.Name, err)
	}
	if err := c.revisionReady(ctx, m.V1.Spec.Template.Name); err != nil {
		return err
	}
	if err := c.routeReady(ctx, m.V1.Name); err != nil {
		return err
	}
	// v2 proves itself before traffic names it.
	if err := c.template(ctx, m.V2, m.V2.Spec.Template); err != nil {
		return err
	}
	return c.move(ctx, m.V1.Name, m.V2.Spec.Traffic)
}

// again is a deployment onto an existing Service.
func (c *Client) again(ctx context.Context, service *v1.Service, m *Manifests) error {
	list, err := c.Revisions.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("cannot list the revisions: %w", err)
	}
	revisions := map[string]*v1.Revision{}
	for i := range list.Items {
		revisions[list.Items[i].Name] = &list.Items[i]
	}
	template1, err := c.defaulted(ctx, m.V1)
	if err != nil {
		return err
	}
	template2, err := c.defaulted(ctx, m.V2)
	if err != nil {
		return err
	}
	now1, now2 := revisions[slotRevision(service, Slot1)], revisions[slotRevision(service, Slot2)]
	keep := func(now *v1.Revision, template v1.RevisionTemplateSpec) bool {
		return now != nil && belongs(now, service.Name) && same(template, now)
	}
	keep1, keep2 := keep(now1, template1), keep(now2, template2)
	s, isSplit := currentShares(service)
	if keep1 && keep2 && isSplit {
		fmt.Fprintf(c.Out, "unchanged: %s and %s, traffic %d/%d\n", now1.Name, now2.Name, s.v1, s.v2)
		return c.routeReady(ctx, service.Name)
	}
	if !isSplit {
		s = shares{90, 10}
		if fromFile, ok := currentShares(m.V2); ok {
			s = fromFile
		}
	}
	if keep1 {
		template1.Name = now1.Name
	} else if template1.Name, err = nameRevision(template1, revisions); err != nil {
		return err
	}
	if keep2 {
		template2.Name = now2.Name
	} else if template2.Name, err = nameRevision(template2, revisions); err != nil {
		return err
	}
	if !keep1 {
		if err := c.template(ctx, m.V1, template1); err != nil {
			return err
		}
	}
	if err := c.template(ctx, m.V2, template2); err != nil {
		return err
	}
	return c.move(ctx, service.Name, split(template1.Name, template2.Name, s))
}

// defaulted is the manifest's template as the cluster would complete it. Only
// the cluster knows its defaults, so it is asked by a create that is not kept.
func (c *Client) defaulted(ctx context.Context, desired *v1.Service) (v1.RevisionTemplateSpec, error) {
	probe := desired.DeepCopy()
	probe.Name += "-defaults"
	probe.Spec.Traffic = nil
	probe.Spec.Template.Name = ""
	got, err := c.Services.Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return v1.RevisionTemplateSpec{}, fmt.Errorf("the cluster refuses the manifest of %s: %w", desired.Spec.Template.Name, err)
	}
	template := got.Spec.Template
	template.Name = desired.Spec.Template.Name
	return template, nil
}

// template gives the Service a new template, leaves its traffic alone, and
// waits until the template's revision is Ready.
func (c *Client) template(ctx context.Context, desired *v1.Service, template v1.RevisionTemplateSpec) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		service, err := c.Services.Get(ctx, desired.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		_, err = c.Services.Update(ctx, merge(service, desired, template), metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot give the Service the template of %s: %w", template.Name, err)
	}
	return c.revisionReady(ctx, template.Name)
}

// move sets the traffic block and waits until the route serves it.
func (c *Client) move(ctx context.Context, name string, traffic []v1.TrafficTarget) error {
	patch, err := trafficPatch(traffic)
	if err != nil {
		return err
	}
	if _, err := c.Services.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("cannot set the traffic: %w", err)
	}
	return c.routeReady(ctx, name)
}

// remove deletes the Service and waits until its revisions have gone as well.
func (c *Client) remove(ctx context.Context, name string) error {
	foreground := metav1.DeletePropagationForeground
	err := c.Services.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot delete the Service %s: %w", name, err)
	}
	return waitFor(ctx, readyTimeout, func(ctx context.Context) error {
		if _, err := c.Services.Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the Service is still there"), err)
		}
		list, err := c.Revisions.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if belongs(&list.Items[i], name) {
				return fmt.Errorf("the revision %s is still there", list.Items[i].Name)
			}
		}
		return nil
	})
}
