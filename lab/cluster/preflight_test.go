package cluster

import (
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	good := machine{goos: "linux", root: true, freeDisk: 40 << 30, diskPath: "/srv", memory: 8 << 30, python: true, checkout: "/srv/online-inference"}
	if r := good.check(); r != nil {
		t.Fatalf("a good machine is refused: %v", r)
	}
	little := good
	little.freeDisk, little.warm = 6<<30, true
	if r := little.check(); r != nil {
		t.Errorf("a machine that has built Kubernetes before is refused with 6 GB: %v", r)
	}
	for name, c := range map[string]struct {
		change func(*machine)
		want   string
		advice string
	}{
		"macOS":            {func(m *machine) { m.goos = "darwin" }, "needs Linux, and this is darwin", "kind create cluster"},
		"not root":         {func(m *machine) { m.root = false }, "needs root", "KUBE_CONTEXT=kind-kind make demo"},
		"Docker":           {func(m *machine) { m.docker = true }, "Docker daemon is running", "not tested here"},
		"kubelet":          {func(m *machine) { m.kubelet = 4242 }, "kubelet (process 4242)", "kind create cluster"},
		"another checkout": {func(m *machine) { m.owner = "/srv/other" }, "another checkout, /srv/other", "make -C '/srv/other' down"},
		"network in use":   {func(m *machine) { m.clash = "eth7" }, "belongs to the interface eth7", ""},
		"interface there":  {func(m *machine) { m.takenLink = true }, "interface named oi-lab0 exists", "ip link del oi-lab0"},
		"full disk":        {func(m *machine) { m.freeDisk = 3 << 30 }, "/srv has 3.0 GB free, and the lab needs 12 GB", ""},
		"full disk, warm":  {func(m *machine) { m.freeDisk, m.warm = 3<<30, true }, "/srv has 3.0 GB free, and the lab needs 5 GB", ""},
		"little memory":    {func(m *machine) { m.memory = 2 << 30 }, "2.0 GB of memory, and the lab needs 4 GB", ""},
		"no Python":        {func(m *machine) { m.python = false }, "python3 is not on the PATH", "apt-get install python3"},
		"long path":        {func(m *machine) { m.checkout = "/" + strings.Repeat("x", 80) }, "81 characters", ""},
		"path with space":  {func(m *machine) { m.checkout = "/srv/my lab" }, `"/srv/my lab"`, ""},
		"path with colon":  {func(m *machine) { m.checkout = "/srv/a:b" }, `"/srv/a:b"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			c.change(&m)
			r := m.check()
			if r == nil || !errors.Is(r, ErrRefused) {
				t.Fatalf("got %v, want a refusal", r)
			}
			if !strings.Contains(r.Reason, c.want) || !strings.Contains(r.Advice, c.advice) {
				t.Errorf("got %v; want %q and the advice %q", r, c.want, c.advice)
			}
			if strings.Contains(r.Reason, "\n") {
				t.Errorf("the reason is more than one line: %q", r.Reason)
			}
		})
	}
}
