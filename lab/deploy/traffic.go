package deploy

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "knative.dev/serving/pkg/apis/serving/v1"
)

// ServiceName is the one Knative Service of the project.
const ServiceName = "online-inference"

// trafficPatch is the merge patch that replaces the traffic block.
func trafficPatch(traffic []v1.TrafficTarget) ([]byte, error) {
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"traffic": traffic}})
	if err != nil {
		return nil, fmt.Errorf("cannot encode the traffic: %w", err)
	}
	return data, nil
}

// Shift gives percent2 of the traffic to v2 and the rest to v1, and prints the
// kubectl command that does the same.
func (c *Client) Shift(ctx context.Context, percent2 int64) error {
	if percent2 < 0 || percent2 > 100 {
		return fmt.Errorf("the share of v2 is %d %%, want 0 to 100", percent2)
	}
	service, err := c.Services.Get(ctx, ServiceName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the Service %s: %w", ServiceName, err)
	}
	name1, name2 := slotRevision(service, Slot1), slotRevision(service, Slot2)
	if name1 == "" || name2 == "" {
		return fmt.Errorf("the Service %s has no revisions tagged %s and %s; deploy first: make deploy", ServiceName, Slot1, Slot2)
	}
	traffic := split(name1, name2, shares{100 - percent2, percent2})
	patch, err := trafficPatch(traffic)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "kubectl -n %s patch ksvc %s --type merge -p '%s'\n", c.Namespace, ServiceName, patch)
	if err := c.move(ctx, ServiceName, traffic); err != nil {
		return err
	}
	return c.PrintRoute(ctx)
}

// PrintRoute prints the URLs and shares as Knative reports them.
func (c *Client) PrintRoute(ctx context.Context) error {
	service, err := c.Services.Get(ctx, ServiceName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the Service %s: %w", ServiceName, err)
	}
	fmt.Fprintf(c.Out, "route       %s\n", service.Status.URL)
	for _, t := range service.Status.Traffic {
		url := ""
		if t.URL != nil {
			url = t.URL.String()
		}
		fmt.Fprintf(c.Out, "%3d %%  %-4s %s  %s\n", percentOf(t), t.Tag, t.RevisionName, url)
	}
	return nil
}
