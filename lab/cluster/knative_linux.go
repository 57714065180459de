package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Windows of the lab's autoscaler. Knative's own defaults are 60 s and 30 s,
// with which a demonstration of scale to zero takes over a minute longer.
const (
	StableWindow = 15 * time.Second
	GracePeriod  = 15 * time.Second
)

const contentAnnotation = "online-inference-lab/content"

// systemNamespaces hold what the lab installs, in the order of the waits.
var systemNamespaces = []string{"knative-serving", "kourier-system"}

// configuration is what the lab sets in Knative's ConfigMaps.
func configuration() map[string]map[string]string {
	return map[string]map[string]string{
		"config-network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
		"config-domain":  {Domain: ""},
		"config-autoscaler": {
			"stable-window":              StableWindow.String(),
			"scale-to-zero-grace-period": GracePeriod.String(),
		},
		// The lab's registry speaks plain HTTP on a private address.
		"config-deployment": {"registries-skipping-tag-resolving": "kind.local,ko.local,dev.local," + registryAddr},
	}
}

// adjust turns upstream's manifests into the lab's: its configuration, its
// Envoy, and requests and probe delays that suit one machine of two cores.
func adjust(objects []*unstructured.Unstructured, envoyImage string) ([]*unstructured.Unstructured, error) {
	config := configuration()
	var kept []*unstructured.Unstructured
	for _, o := range objects {
		switch o.GetKind() {
		case "ConfigMap":
			for key, value := range config[o.GetName()] {
				if err := unstructured.SetNestedField(o.Object, value, "data", key); err != nil {
					return nil, fmt.Errorf("cannot set %s in %s: %w", key, o.GetName(), err)
				}
			}
			delete(config, o.GetName())
		case "HorizontalPodAutoscaler", "PodDisruptionBudget":
			// One replica of each on one node, without a metrics server.
			continue
		case "Deployment":
			if err := adjustDeployment(o, envoyImage); err != nil {
				return nil, err
			}
		}
		kept = append(kept, o)
	}
	for name := range config {
		return nil, fmt.Errorf("upstream's manifests hold no ConfigMap %s", name)
	}
	return kept, nil
}

func adjustDeployment(o *unstructured.Unstructured, envoyImage string) error {
	containers, found, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil || !found {
		return fmt.Errorf("deployment %s has no containers (%w)", o.GetName(), err)
	}
	for _, item := range containers {
		c, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("deployment %s: a container is a %T", o.GetName(), item)
		}
		if image, _ := c["image"].(string); strings.Contains(image, "envoyproxy/envoy") {
			c["image"] = envoyImage
		}
		if err := unstructured.SetNestedField(c, "20m", "resources", "requests", "cpu"); err != nil {
			return fmt.Errorf("deployment %s: %w", o.GetName(), err)
		}
		if probe, ok := c["readinessProbe"].(map[string]any); ok {
			probe["initialDelaySeconds"], probe["periodSeconds"] = int64(0), int64(1)
			probe["failureThreshold"] = int64(15)
		}
	}
	return unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers")
}

// installed says whether the cluster already runs this very content.
func (c *clients) installed(ctx context.Context, content string) (bool, error) {
	list, err := c.typed.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, fmt.Errorf("cannot list the namespaces: %w", err)
	}
	found := 0
	for _, ns := range list.Items {
		if ns.Annotations[contentAnnotation] == content {
			found++
		}
	}
	return found == len(systemNamespaces), nil
}

// markInstalled notes the content that the cluster runs.
func (c *clients) markInstalled(ctx context.Context, content string) error {
	for _, name := range systemNamespaces {
		ns, err := c.typed.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("cannot read the namespace %s: %w", name, err)
		}
		if ns.Annotations == nil {
			ns.Annotations = map[string]string{}
		}
		ns.Annotations[contentAnnotation] = content
		if _, err := c.typed.CoreV1().Namespaces().Update(ctx, ns, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("cannot annotate the namespace %s: %w", name, err)
		}
	}
	return nil
}

// deploymentsReady says nil when every Deployment of the system namespaces is available.
func (c *clients) deploymentsReady(ctx context.Context) error {
	for _, namespace := range systemNamespaces {
		list, err := c.typed.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("cannot list the deployments of %s: %w", namespace, err)
		}
		if len(list.Items) == 0 {
			return fmt.Errorf("no deployment in %s", namespace)
		}
		for _, d := range list.Items {
			want := int32(1)
			if d.Spec.Replicas != nil {
				want = *d.Spec.Replicas
			}
			s := d.Status
			// Replicas over UpdatedReplicas means that pods of an old template are
			// still there, and that they may be the available ones.
			if s.ObservedGeneration < d.Generation || s.UpdatedReplicas < want || s.Replicas > s.UpdatedReplicas || s.AvailableReplicas < want {
				return fmt.Errorf("deployment %s/%s: %d of %d pods available", namespace, d.Name, s.AvailableReplicas, want)
			}
		}
	}
	return nil
}

// renewedAfter says nil when the kubelet has renewed the node's lease since.
// Until then the node's Ready is what an earlier kubelet has said.
func (c *clients) renewedAfter(ctx context.Context, since time.Time) error {
	lease, err := c.typed.CoordinationV1().Leases("kube-node-lease").Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the node's lease: %w", err)
	}
	if lease.Spec.RenewTime == nil || lease.Spec.RenewTime.Before(&metav1.MicroTime{Time: since}) {
		return fmt.Errorf("the kubelet has not reported since its start at %s", since.Format(time.TimeOnly))
	}
	return nil
}

// nodeReady says nil when the node reports Ready.
func (c *clients) nodeReady(ctx context.Context) error {
	node, err := c.typed.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the node: %w", err)
	}
	for _, cond := range node.Status.Conditions {
		if cond.Type == "Ready" && cond.Status == "True" {
			return nil
		}
		if cond.Type == "Ready" {
			err = fmt.Errorf("the node is not Ready: %s", cond.Message)
		}
	}
	if err == nil {
		err = fmt.Errorf("the node reports no Ready condition")
	}
	return err
}

// publishIngress gives Kourier's Service the node's address as a load
// balancer would, so that routes are served on port 80 of NodeIP.
func (c *clients) publishIngress(ctx context.Context) error {
	patch := []byte(`{"status":{"loadBalancer":{"ingress":[{"ip":"` + NodeIP + `"}]}}}`)
	_, err := c.typed.CoreV1().Services("kourier-system").Patch(ctx, "kourier",
		"application/merge-patch+json", patch, metav1.PatchOptions{FieldManager: fieldManager}, "status")
	if err != nil {
		return fmt.Errorf("cannot publish the ingress address: %w", err)
	}
	return nil
}
