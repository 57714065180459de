package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"online-inference/lab/load"
	"online-inference/lab/record"
)

func rate(e Experiment) float64 { return cmp.Or(e.Load.Rate, DefaultRate) }

func timeout(e Experiment) time.Duration { return cmp.Or(e.Load.Timeout, DefaultTimeout) }

// Names of clients.
const (
	Fresh = "fresh"
	Kept  = "kept"
	Tag   = "tag"
)

// describe says in the header who the clients are.
func (r *Runner) describe(e Experiment) map[string]record.Client {
	if e.Load.Service == "" && e.Load.Route == "" {
		return nil
	}
	path := "ClusterIP of a Service (kube-proxy, iptables)"
	switch {
	case e.Load.Route != "":
		path = "route through Kourier (Envoy)"
	case r.Target.Existing:
		path = "NodePort of a Service"
	}
	one := func(fresh bool, path string) record.Client {
		return record.Client{Place: r.Place, Path: path, Rate: rate(e), Fresh: fresh,
			SlowMillis: slow.Milliseconds(), TimeoutMillis: timeout(e).Milliseconds()}
	}
	out := map[string]record.Client{Fresh: one(true, path), Kept: one(false, path)}
	if e.Load.Tag != "" {
		out[Tag] = one(true, path+", host of the tag "+e.Load.Tag)
	}
	return out
}

// clientsOf finds the address that an experiment's clients ask.
func (r *Runner) clientsOf(ctx context.Context, e Experiment, namespace string) ([]load.Client, error) {
	var url, host string
	var err error
	switch {
	case e.Load.Service != "":
		url, err = r.service(ctx, namespace, e.Load.Service)
	case e.Load.Route != "":
		url, host, err = r.route(ctx, namespace, e.Load.Route, "")
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := bodies(r.Root, e.Load.Rows)
	if err != nil {
		return nil, err
	}
	one := load.Client{URL: url + "/predict", Host: host, Rate: rate(e), Timeout: timeout(e), InFlight: inFlight, Bodies: rows}
	fresh, kept := one, one
	fresh.Name, fresh.Fresh = Fresh, true
	kept.Name, kept.Connections = Kept, connections
	return []load.Client{fresh, kept}, nil
}

// tagClient is the client that asks for the tag of a route.
func (r *Runner) tagClient(ctx context.Context, e Experiment, namespace string) (load.Client, error) {
	url, host, err := r.route(ctx, namespace, e.Load.Route, e.Load.Tag)
	if err != nil {
		return load.Client{}, err
	}
	rows, err := bodies(r.Root, e.Load.Rows)
	if err != nil {
		return load.Client{}, err
	}
	return load.Client{Name: Tag, URL: url + "/predict", Host: host, Rate: rate(e), Timeout: timeout(e),
		Fresh: true, InFlight: inFlight, Bodies: rows}, nil
}

// service is the address of a Service: its ClusterIP, or, since clients outside
// of a cluster cannot reach that, a NodePort on the ingress' host.
func (r *Runner) service(ctx context.Context, namespace, name string) (string, error) {
	services := r.Target.Core.CoreV1().Services(namespace)
	svc, err := services.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("cannot read the Service %s: %w", name, err)
	}
	if len(svc.Spec.Ports) == 0 {
		return "", fmt.Errorf("the Service %s has no port", name)
	}
	if !r.Target.Existing {
		return "http://" + net.JoinHostPort(svc.Spec.ClusterIP, fmt.Sprint(svc.Spec.Ports[0].Port)), nil
	}
	svc.Spec.Type = corev1.ServiceTypeNodePort
	if svc, err = services.Update(ctx, svc, metav1.UpdateOptions{}); err != nil {
		return "", fmt.Errorf("cannot give the Service %s a NodePort: %w", name, err)
	}
	host, _, err := net.SplitHostPort(r.Target.Ingress)
	if err != nil {
		return "", fmt.Errorf("LAB=existing needs INGRESS=HOST:PORT with an address of a node: %w", err)
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(svc.Spec.Ports[0].NodePort)), nil
}

// route is the address of the ingress and the host of a Knative Service, or of
// one of its tags.
func (r *Runner) route(ctx context.Context, namespace, name, tag string) (url, host string, err error) {
	if r.Target.Ingress == "" {
		return "", "", errors.New("LAB=existing needs INGRESS=HOST:PORT, where the routes are served")
	}
	svc, err := r.Target.Serving.ServingV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", "", fmt.Errorf("cannot read the Knative Service %s: %w", name, err)
	}
	url = "http://" + r.Target.Ingress
	if tag == "" {
		if svc.Status.URL == nil {
			return "", "", fmt.Errorf("the Knative Service %s has no URL", name)
		}
		return url, svc.Status.URL.Host, nil
	}
	for _, t := range svc.Status.Traffic {
		if t.Tag == tag && t.URL != nil {
			return url, t.URL.Host, nil
		}
	}
	return "", "", fmt.Errorf("the Knative Service %s has no tag %s", name, tag)
}
