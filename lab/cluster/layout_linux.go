package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
)

// Networks and addresses inside of the lab.
const (
	podSubnet    = "10.88.0.0/16"
	serviceCIDR  = "10.96.0.0/16"
	apiServiceIP = "10.96.0.1"
	dnsServiceIP = "10.96.0.10"
	registryAddr = NodeIP + ":5000"
	apiServerURL = "https://" + NodeIP + ":6443"
)

const (
	// ownerVariable is set in the environment of every process that the lab
	// starts, so that a process is known as the lab's without trusting its id.
	ownerVariable = "ONLINE_INFERENCE_LAB_OWNER"
	nodeName      = "lab"
)

func (l *Lab) runPath(parts ...string) string {
	return filepath.Join(append([]string{l.Run}, parts...)...)
}

// logPath is where a component writes.
func (l *Lab) logPath(name string) string { return l.path("log", name+".log") }

// componentDir is the folder of a pinned wrapper module.
func (l *Lab) componentDir(name string) string {
	return filepath.Join(l.Root, "lab", "components", name)
}

// digestOf returns a short content key of the parts.
func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
