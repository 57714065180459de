package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// etcd keeps the cluster's state. Nothing in it outlives `lab down`, so it
// need not wait for the disk.
func (u *up) etcd() component {
	const client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	return component{name: "etcd", args: []string{
		"etcd", "--name=" + nodeName, "--data-dir=" + u.path("etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=" + nodeName + "=" + peer,
		"--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
	}}
}

func (u *up) registry() (component, error) {
	// Started from a copy: the file may be a temporary one of `go run`, and
	// building the lab again must not meet a running program.
	server := u.path("registry-server")
	if err := copySelf(server); err != nil {
		return component{}, err
	}
	return component{name: "registry",
		args: []string{server, "registry", "-listen", registryAddr, "-shared", u.sharedRegistry(), "-own", u.path("registry")},
		ready: func(ctx context.Context) error {
			return httpOK(ctx, http.DefaultClient, "http://"+registryAddr+"/v2/")
		}}, nil
}

// copySelf copies this program's file unless a copy is there.
func copySelf(target string) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("cannot read this program's own file: %w", err)
	}
	if err := os.WriteFile(target+".new", data, 0o755); err != nil {
		return fmt.Errorf("cannot copy this program: %w", err)
	}
	if err := os.Rename(target+".new", target); err != nil {
		return fmt.Errorf("cannot copy this program: %w", err)
	}
	return nil
}

func (u *up) apiserver() component {
	p := func(name string) string { return u.path("pki", name) }
	client, clientErr := u.adminClient()
	return component{name: "apiserver", args: []string{
		u.path("bin", "kube-apiserver"),
		"--etcd-servers=http://127.0.0.1:2379", "--advertise-address=" + NodeIP, "--secure-port=6443",
		"--tls-cert-file=" + p("apiserver.crt"), "--tls-private-key-file=" + p("apiserver.key"), "--client-ca-file=" + p("ca.crt"),
		"--service-account-key-file=" + p("sa.pub"), "--service-account-signing-key-file=" + p("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=" + serviceCIDR, "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--kubelet-client-certificate=" + p("admin.crt"), "--kubelet-client-key=" + p("admin.key"),
		"--kubelet-preferred-address-types=InternalIP",
		// The aggregation layer, so that a metrics server can be added.
		"--requestheader-client-ca-file=" + p("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p("front-proxy.crt"), "--proxy-client-key-file=" + p("front-proxy.key"),
		"--v=1",
	}, ready: func(ctx context.Context) error {
		if clientErr != nil {
			return clientErr
		}
		return httpOK(ctx, client, apiServerURL+"/readyz")
	}}
}

func (u *up) controllerManager() component {
	config := u.path("pki", "controller-manager.kubeconfig")
	return component{name: "controller-manager", args: []string{
		u.path("bin", "kube-controller-manager"), "--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--service-account-private-key-file=" + u.path("pki", "sa.key"), "--root-ca-file=" + u.path("pki", "ca.crt"),
		"--cluster-signing-cert-file=" + u.path("pki", "ca.crt"), "--cluster-signing-key-file=" + u.path("pki", "ca.key"),
		"--use-service-account-credentials", "--leader-elect=false",
		"--cluster-cidr=" + podSubnet, "--allocate-node-cidrs=false", "--bind-address=127.0.0.1",
	}}
}

func (u *up) scheduler() component {
	config := u.path("pki", "scheduler.kubeconfig")
	return component{name: "scheduler", args: []string{
		u.path("bin", "kube-scheduler"), "--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--leader-elect=false", "--bind-address=127.0.0.1",
	}}
}

// coredns runs beside the kubelet, not in a pod: one image fewer to build. It
// stands behind the usual Service by an EndpointSlice made by hand (dns.yaml).
func (u *up) coredns() (component, error) {
	corefile := fmt.Sprintf(`.:53 {
    bind %s
    ready %s:8181
    errors
    cache 5
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s
        ttl 5
    }
}
`, NodeIP, NodeIP, u.path("pki", "admin.kubeconfig"))
	if err := writeFile(u.path("Corefile"), corefile); err != nil {
		return component{}, err
	}
	return component{name: "coredns", config: corefile, args: []string{u.path("bin", "coredns"), "-conf", u.path("Corefile")},
		ready: func(ctx context.Context) error {
			return httpOK(ctx, http.DefaultClient, "http://"+NodeIP+":8181/ready")
		}}, nil
}

// adminClient speaks to the API server with the administrator's certificate.
func (l *Lab) adminClient() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(l.path("pki", "admin.crt"), l.path("pki", "admin.key"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the administrator's certificate: %w", err)
	}
	ca, err := os.ReadFile(l.path("pki", "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the cluster's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("cannot use the cluster's certificate: not PEM")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		DialContext:     (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
	}}, nil
}

// httpOK asks for 200 within 3 s.
func httpOK(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 300))
	if err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", url, resp.StatusCode, body)
	}
	return nil
}
