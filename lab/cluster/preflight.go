package cluster

import (
	"fmt"
	"strings"
)

// Least room that a lab needs. A running cluster takes about 1.5 GB and the
// kubelet evicts pods at the last hundredth of a disk; the first time the
// caches take 6 GB more (sources and compiled packages of Kubernetes).
const (
	leastDisk     = 12 << 30
	leastDiskWarm = 5 << 30
	leastMemory   = 4 << 30
	// longestRoot keeps the kubelet's sockets under the 107 bytes of a socket's address.
	longestRoot = 70
)

// machine is what the checks before `lab up` look at.
type machine struct {
	goos      string
	root      bool
	docker    bool   // a Docker daemon answers
	kubelet   int    // process id of a kubelet that is not the lab's, or 0
	clash     string // interface of somebody else that uses the lab's network
	takenLink bool   // an interface has the lab's name, without a lab
	owner     string // checkout of another lab with living processes
	freeDisk  uint64 // bytes, at the least roomy of the two folders
	diskPath  string
	warm      bool   // Kubernetes has been built here before
	memory    uint64 // bytes, the whole machine's
	python    bool
	checkout  string
}

// check returns why the lab cannot be brought up here, or nil.
func (m machine) check() *Refusal {
	kind := func(reason string) *Refusal { return &Refusal{Reason: reason, Advice: kindPath} }
	switch {
	case m.goos != "linux":
		return kind(fmt.Sprintf("the lab's own cluster needs Linux, and this is %s; nothing was changed", m.goos))
	case !m.root:
		return kind("the lab's own cluster needs root (namespaces, mounts, cgroups); nothing was changed")
	case m.docker:
		return kind("a Docker daemon is running here, and the lab's own cluster would get in its way; nothing was changed")
	case m.kubelet != 0:
		return kind(fmt.Sprintf("a kubelet (process %d) is running here already, and one machine holds one; nothing was changed", m.kubelet))
	case m.owner != "":
		return &Refusal{Reason: fmt.Sprintf("the lab of another checkout, %s, is running on this machine; nothing was changed", m.owner),
			Advice: "Stop it first:  make -C " + shellQuote(m.owner) + " down"}
	case m.clash != "":
		return &Refusal{Reason: fmt.Sprintf("the network %s, which the lab uses, belongs to the interface %s here; nothing was changed", linkSubnet, m.clash)}
	case m.takenLink:
		return &Refusal{Reason: fmt.Sprintf("an interface named %s exists, and no lab made it; nothing was changed", Interface),
			Advice: "Remove it first:  ip link del " + Interface}
	case m.freeDisk < m.neededDisk():
		return &Refusal{Reason: fmt.Sprintf("%s has %.1f GB free, and the lab needs %d GB; nothing was changed", m.diskPath, gigabytes(m.freeDisk), m.neededDisk()>>30)}
	case m.memory < leastMemory:
		return &Refusal{Reason: fmt.Sprintf("this machine has %.1f GB of memory, and the lab needs %d GB; nothing was changed", gigabytes(m.memory), leastMemory>>30)}
	case !m.python:
		return &Refusal{Reason: "python3 is not on the PATH, and Envoy comes from the Python package index; nothing was changed",
			Advice: "Install it:  apt-get install python3"}
	case len(m.checkout) > longestRoot:
		return &Refusal{Reason: fmt.Sprintf("the path of this checkout has %d characters, and sockets under it allow %d; nothing was changed", len(m.checkout), longestRoot)}
	case strings.ContainsAny(m.checkout, " \t\n:,\"'\\"):
		return &Refusal{Reason: fmt.Sprintf("the path of this checkout, %q, holds a character that mounts and container tools do not take; nothing was changed", m.checkout)}
	}
	return nil
}

func (m machine) neededDisk() uint64 {
	if m.warm {
		return leastDiskWarm
	}
	return leastDisk
}

func gigabytes(n uint64) float64 { return float64(n) / (1 << 30) }

// kindPath is what to type instead. It is documentation that is not run by
// this project's tests, and says so.
const kindPath = `Use a kind cluster instead (these lines are not tested here; they need Docker, kind, kubectl and ko):
  kind create cluster
  kubectl apply -f https://github.com/knative/serving/releases/download/knative-v1.23.0/serving-crds.yaml
  kubectl apply -f https://github.com/knative/serving/releases/download/knative-v1.23.0/serving-core.yaml
  kubectl apply -f https://github.com/knative-extensions/net-kourier/releases/download/knative-v1.23.0/kourier.yaml
  kubectl patch configmap/config-network -n knative-serving --type merge -p '{"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}'
  kubectl patch configmap/config-domain -n knative-serving --type merge -p '{"data":{"lab.test":""}}'
  kubectl wait deployment --all --for=condition=Available -n knative-serving --timeout=300s
  kubectl port-forward -n kourier-system svc/kourier 8080:80 &
  KO_DOCKER_REPO=kind.local LAB=existing KUBE_CONTEXT=kind-kind make demo`
