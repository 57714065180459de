package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificateLife is longer than any lab lives: each `down` throws all keys away.
const certificateLife = 365 * 24 * time.Hour

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// identityRequest is one certificate of the cluster.
type identityRequest struct {
	file   string
	name   string
	groups []string
	dns    []string
	ips    []string
	server bool
	// kubeconfig says that a kubeconfig of this identity is written as well.
	kubeconfig bool
}

// identities are the users and servers of the cluster; names and groups are
// those that Kubernetes' own RBAC rules expect.
func identities() []identityRequest {
	return []identityRequest{
		{file: "apiserver", name: "kube-apiserver", server: true,
			dns: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			ips: []string{"127.0.0.1", apiServiceIP, NodeIP}},
		{file: "admin", name: "admin", groups: []string{"system:masters"}, kubeconfig: true},
		{file: "controller-manager", name: "system:kube-controller-manager", kubeconfig: true},
		{file: "scheduler", name: "system:kube-scheduler", kubeconfig: true},
		{file: "kubelet", name: "system:node:" + nodeName, groups: []string{"system:nodes"}, server: true,
			dns: []string{nodeName}, ips: []string{"127.0.0.1", NodeIP}, kubeconfig: true},
		{file: "proxy", name: "system:kube-proxy", kubeconfig: true},
	}
}

// makePKI writes the cluster's keys, certificates and kubeconfigs into dir
// unless they are there. The last file written tells a whole set.
func makePKI(dir string, now time.Time) (already bool, err error) {
	stamp := filepath.Join(dir, "complete")
	if _, err := os.Stat(stamp); err == nil {
		return true, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cannot look for the keys: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("cannot make the keys' folder: %w", err)
	}
	ca, err := newAuthority("online-inference-lab-ca", now)
	if err != nil {
		return false, err
	}
	front, err := newAuthority("online-inference-lab-front-proxy-ca", now)
	if err != nil {
		return false, err
	}
	files := map[string][]byte{"ca.crt": ca.pem, "front-proxy-ca.crt": front.pem}
	if files["ca.key"], err = keyPEM(ca.key); err != nil {
		return false, err
	}
	for _, id := range identities() {
		cert, key, err := ca.issue(id, now)
		if err != nil {
			return false, err
		}
		files[id.file+".crt"], files[id.file+".key"] = cert, key
		if id.kubeconfig {
			files[id.file+".kubeconfig"] = kubeconfig(ca.pem, cert, key)
		}
	}
	cert, key, err := front.issue(identityRequest{name: "front-proxy-client"}, now)
	if err != nil {
		return false, err
	}
	files["front-proxy.crt"], files["front-proxy.key"] = cert, key
	if err := serviceAccountKeys(files); err != nil {
		return false, err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return false, fmt.Errorf("cannot write a key: %w", err)
		}
	}
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return false, fmt.Errorf("cannot write a key: %w", err)
	}
	return false, nil
}

// serviceAccountKeys adds the pair that signs and checks service account tokens.
func serviceAccountKeys(files map[string][]byte) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("cannot make the service account key: %w", err)
	}
	if files["sa.key"], err = keyPEM(key); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("cannot encode the service account key: %w", err)
	}
	files["sa.pub"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	return nil
}

func newAuthority(name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make the key of %s: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot sign %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot read back %s: %w", name, err)
	}
	return &authority{cert: cert, key: key, pem: certPEM(der)}, nil
}

func (a *authority) issue(id identityRequest, now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make the key of %s: %w", id.name, err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: id.name, Organization: id.groups},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:    id.dns,
	}
	if id.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, ip := range id.ips {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot sign the certificate of %s: %w", id.name, err)
	}
	key, err = keyPEM(private)
	return certPEM(der), key, err
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// kubeconfig is one file with everything inside, so that it can be copied.
func kubeconfig(ca, cert, key []byte) []byte {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context:
    cluster: %[1]s
    user: %[1]s
    namespace: default
current-context: %[1]s
`, ContextName, apiServerURL, b64(ca), b64(cert), b64(key))
}
