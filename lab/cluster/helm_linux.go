package cluster

// helmVersion is the release that components/helm pins.
const helmVersion = "v3.22.0"

// helmProgram builds Helm with what its own Makefile stamps: its version, and the
// Kubernetes release that `helm template` and `helm lint` assume without a
// cluster. A module build leaves that at 1.20, for which no chart of today renders.
func helmProgram() program {
	const module, minor = "helm.sh/helm/v3", "35"
	p := toolProgram("helm", module+"/cmd/helm")
	p.ldflags += " -X " + module + "/internal/version.version=" + helmVersion
	for _, pkg := range []string{"/pkg/chartutil", "/pkg/lint/rules"} {
		p.ldflags += " -X " + module + pkg + ".k8sVersionMajor=1 -X " + module + pkg + ".k8sVersionMinor=" + minor
	}
	return p
}
