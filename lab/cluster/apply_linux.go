package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// fieldManager owns what the lab applies.
const fieldManager = "online-inference-lab"

// clients speak to the cluster as its administrator.
type clients struct {
	config  *rest.Config
	typed   *kubernetes.Clientset
	dynamic *dynamic.DynamicClient
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

func newClients(kubeconfig []byte) (*clients, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig: %w", err)
	}
	config.QPS = -1 // the lab is the cluster's only client of weight
	c := &clients{config: config}
	if c.typed, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))
	return c, nil
}

// decodeYAML splits a stream of documents into objects.
func decodeYAML(data []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := d.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot decode document %d of a manifest: %w", len(objects)+1, err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if object.GetKind() == "" || object.GetAPIVersion() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("document %d of a manifest has no kind, apiVersion or name", len(objects)+1)
		}
		objects = append(objects, object)
	}
}

// apply sends the objects, at most eight at a time: first what others live in
// or are made of (namespaces, definitions), then the rest.
func (c *clients) apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	var first, rest []*unstructured.Unstructured
	definitions := false
	for _, o := range objects {
		switch o.GetKind() {
		case "CustomResourceDefinition":
			definitions = true
			first = append(first, o)
		case "Namespace":
			first = append(first, o)
		default:
			rest = append(rest, o)
		}
	}
	if err := c.applyAll(ctx, first); err != nil {
		return err
	}
	if definitions {
		if err := c.established(ctx, first); err != nil {
			return err
		}
		c.mapper.Reset()
	}
	return c.applyAll(ctx, rest)
}

func (c *clients) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, 8)
		errs  = make([]error, len(objects))
	)
	for i, o := range objects {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = c.applyOne(ctx, o)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// applyOne is a server-side apply; it is tried again while the API server has
// not caught up yet (a definition just made, a webhook just starting).
func (c *clients) applyOne(ctx context.Context, o *unstructured.Unstructured) error {
	data, err := json.Marshal(o.Object)
	if err != nil {
		return fmt.Errorf("cannot encode %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	force := true
	err = wait(ctx, 30*time.Second, 300*time.Millisecond, func(ctx context.Context) error {
		target, err := c.resource(o)
		if err != nil {
			return err
		}
		_, err = target.Patch(ctx, o.GetName(), types.ApplyPatchType, data,
			metav1.PatchOptions{FieldManager: fieldManager, Force: &force})
		if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) {
			return &permanent{err}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

func (c *clients) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := o.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		c.mapper.Reset()
		return nil, fmt.Errorf("the cluster does not know %s: %w", gvk, err)
	}
	r := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return r, nil
	}
	namespace := o.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return r.Namespace(namespace), nil
}

// established waits until the API server serves the definitions.
func (c *clients) established(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		err := wait(ctx, 30*time.Second, poll, func(ctx context.Context) error {
			r, err := c.resource(o)
			if err != nil {
				return err
			}
			now, err := r.Get(ctx, o.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			if !hasCondition(now, "Established") {
				return fmt.Errorf("%s is not established", o.GetName())
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("definition %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// hasCondition says whether status.conditions holds the type with status True.
func hasCondition(o *unstructured.Unstructured, kind string) bool {
	conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return false
	}
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == kind && m["status"] == "True" {
			return true
		}
	}
	return false
}
