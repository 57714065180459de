package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"online-inference/lab/steps"
)

// up is one run of Lab.Up: the lab with what its steps hand to each other.
// Each field is written by one step and read by steps that need that one.
type up struct {
	*Lab
	record         *record
	clients        *clients
	goRelease      string
	baseReference  string
	envoyReference string
	servingPath    string
	kourierPath    string
	snapshotter    string
}

// Up brings the cluster up, or repairs what is missing of it.
func (l *Lab) Up(ctx context.Context) (err error) {
	began := time.Now()
	refusal, err := l.preflight(ctx)
	if err != nil {
		return err
	}
	if refusal != nil {
		return refusal
	}
	release, err := l.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := l.clearRemains(ctx); err != nil {
		return err
	}
	u, err := l.begin(ctx)
	if err != nil {
		return err
	}
	display := l.display()
	err = steps.Run(ctx, u.steps(), display, steps.Options{Heavy: max(1, runtime.NumCPU()/2), Now: time.Now})
	display.Close()
	if giveErr := l.giveBackState(); giveErr != nil {
		err = errors.Join(err, giveErr)
	}
	if err != nil {
		l.explain(err)
		return err
	}
	fmt.Fprintf(l.Out, "The cluster is up after %.1f s.\n", time.Since(began).Seconds())
	l.printSettings()
	return nil
}

// begin makes the folders and opens the machine-wide record.
func (l *Lab) begin(ctx context.Context) (*up, error) {
	for _, dir := range []string{l.State, l.path("bin"), l.path("log"), l.path("pod-logs"), l.Run} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make the lab's folder: %w", err)
		}
	}
	u := &up{Lab: l}
	var err error
	if u.record, err = readRecord(l.RecordPath); err != nil {
		return nil, err
	}
	if u.record == nil {
		if u.record, err = newRecord(l.RecordPath, l.Root, l.Run, time.Now()); err != nil {
			return nil, err
		}
	}
	if err := u.noteSysctls(); err != nil {
		return nil, err
	}
	if err := u.noteFolders(); err != nil {
		return nil, err
	}
	out, err := l.output(ctx, "build", l.Root, l.goEnviron(), "go", "env", "GOVERSION")
	if err != nil {
		return nil, fmt.Errorf("cannot ask the Go tool for its release: %w", err)
	}
	u.goRelease = strings.TrimSpace(string(out))
	return u, nil
}

// steps is the whole of `lab up`, in an order in which each step stands
// behind those that it needs.
func (u *up) steps() []steps.Step {
	list := []steps.Step{
		{Name: "packages", Title: "Debian packages", Run: u.stepPackages},
		{Name: "keys", Title: "keys and certificates", Run: u.stepKeys},
		{Name: "network", Title: "network namespace " + linkSubnet, Needs: []string{"packages"}, Run: stepBool(u.network)},
		u.componentStep("registry", "registry "+registryAddr, []string{"network"}, u.registry),
		u.componentStep("etcd", "etcd", []string{"network"}, plain(u.etcd)),
		u.componentStep("containerd", "containerd", []string{"network"}, u.containerd),
		{Name: "kubernetes", Title: "build Kubernetes " + kubernetesVersion, Heavy: true, Run: u.buildStep(kubernetesProgram())},
		{Name: "ko", Title: "build ko", Heavy: true, Run: u.buildStep(toolProgram("ko", "github.com/google/ko"))},
		{Name: "coredns build", Title: "build CoreDNS", Heavy: true, Run: u.buildStep(toolProgram("coredns", "."))},
		{Name: "crane", Title: "build crane", Heavy: true,
			Run: u.buildStep(toolProgram("crane", "github.com/google/go-containerregistry/cmd/crane"))},
		{Name: "helm", Title: "build Helm " + helmVersion, Heavy: true, Run: u.buildStep(helmProgram())},
		{Name: "base image", Title: "base image", Needs: []string{"registry"}, Run: stepBool(u.baseImage)},
		{Name: "pause image", Title: "pause image", Needs: []string{"registry"}, Run: stepBool(u.pause)},
		{Name: "envoy image", Title: "Envoy image", Needs: []string{"registry"}, Run: stepBool(u.envoy)},
		{Name: "serving images", Title: "build Knative Serving", Heavy: true, Needs: []string{"ko", "base image"},
			Run: u.resolveStep(servingManifests(), &u.servingPath)},
		{Name: "kourier images", Title: "build Kourier", Heavy: true, Needs: []string{"ko", "base image"},
			Run: u.resolveStep(kourierManifests(), &u.kourierPath)},
		u.componentStep("apiserver", "kube-apiserver", []string{"etcd", "keys", "kubernetes"}, plain(u.apiserver)),
		{Name: "client", Title: "kubeconfig", Needs: []string{"apiserver", "base image"}, Run: u.stepClient},
		u.componentStep("controller-manager", "kube-controller-manager", []string{"apiserver"}, plain(u.controllerManager)),
		u.componentStep("scheduler", "kube-scheduler", []string{"apiserver"}, plain(u.scheduler)),
		u.componentStep("proxy", "kube-proxy", []string{"apiserver"}, u.proxy),
		u.componentStep("kubelet", "kubelet", []string{"apiserver", "containerd", "pause image"}, u.kubelet),
		u.componentStep("coredns", "CoreDNS", []string{"apiserver", "coredns build"}, u.coredns),
		{Name: "knative", Title: "Knative Serving and Kourier", Needs: []string{"client", "serving images", "kourier images", "envoy image"},
			Run: stepBool(u.installKnative)},
		{Name: "node", Title: "node Ready", Needs: []string{"kubelet", "client"}, Run: u.stepNode},
		{Name: "ready", Title: "Knative Ready", Needs: []string{"knative", "node", "coredns", "proxy", "scheduler", "controller-manager"},
			Run: u.stepReady},
	}
	return append(list, u.functionSteps()...)
}

// stepBool adapts work that says whether it was done already.
func stepBool(work func(ctx context.Context) (bool, error)) func(context.Context, *steps.Report) error {
	return func(ctx context.Context, report *steps.Report) error {
		already, err := work(ctx)
		if already && err == nil {
			report.Already()
		}
		return err
	}
}

// plain adapts a component whose description cannot fail.
func plain(describe func() component) func() (component, error) {
	return func() (component, error) { return describe(), nil }
}

func (u *up) componentStep(name, title string, needs []string, describe func() (component, error)) steps.Step {
	return steps.Step{Name: name, Title: title, Needs: needs, Run: stepBool(func(ctx context.Context) (bool, error) {
		c, err := describe()
		if err != nil {
			return false, err
		}
		return u.ensure(ctx, c)
	})}
}

func (u *up) buildStep(p program) func(context.Context, *steps.Report) error {
	return stepBool(func(ctx context.Context) (bool, error) { return u.build(ctx, p) })
}

func (u *up) resolveStep(m upstream, path *string) func(context.Context, *steps.Report) error {
	return stepBool(func(ctx context.Context) (already bool, err error) {
		*path, already, err = u.resolve(ctx, m)
		return already, err
	})
}

func (u *up) stepPackages(ctx context.Context, report *steps.Report) error {
	installed, err := u.packages(ctx)
	if err != nil {
		return err
	}
	if len(installed) == 0 {
		report.Already()
	} else {
		report.Notef("installed %s", strings.Join(installed, ", "))
	}
	return nil
}

func (u *up) stepKeys(_ context.Context, report *steps.Report) error {
	already, err := makePKI(u.path("pki"), time.Now())
	if already {
		report.Already()
	}
	return err
}

// stepClient makes the clients, the kubeconfig, the environment file and the DNS Service.
func (u *up) stepClient(ctx context.Context, _ *steps.Report) error {
	data, err := os.ReadFile(u.path("pki", "admin.kubeconfig"))
	if err != nil {
		return fmt.Errorf("cannot read the administrator's kubeconfig: %w", err)
	}
	if u.clients, err = newClients(data); err != nil {
		return err
	}
	if err := os.WriteFile(u.Kubeconfig(), data, 0o600); err != nil {
		return fmt.Errorf("cannot write the kubeconfig: %w", err)
	}
	if err := u.writeEnvironment(); err != nil {
		return err
	}
	objects, err := decodeYAML([]byte(dnsManifests()))
	if err != nil {
		return err
	}
	return u.clients.apply(ctx, objects)
}

// writeEnvironment writes the variables that point kubectl, ko and helm at the
// cluster, for shells (`. .lab/env`) and for the lab's own verbs (env.json).
func (u *up) writeEnvironment() error {
	values := map[string]string{
		"KUBECONFIG":          u.Kubeconfig(),
		"KO_DOCKER_REPO":      registryAddr,
		"KO_DEFAULTBASEIMAGE": u.baseReference,
		"KO_DEFAULTPLATFORMS": hostPlatform(),
	}
	var b strings.Builder
	b.WriteString("# Written by the lab. Use it with:  . .lab/env\n")
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "export %s=%s\n", key, shellQuote(values[key]))
	}
	fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", shellQuote(u.path("bin")))
	data, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the lab's environment: %w", err)
	}
	if err := writeFile(u.path("env"), b.String()); err != nil {
		return err
	}
	return writeFile(u.path("env.json"), string(data)+"\n")
}

// hostPlatform is the platform of the node's images.
func hostPlatform() string { return "linux/" + runtime.GOARCH }

func (u *up) stepNode(ctx context.Context, _ *steps.Report) error {
	kubelet, _ := u.record.process("kubelet")
	err := wait(ctx, 90*time.Second, poll, func(ctx context.Context) error {
		if err := u.clients.renewedAfter(ctx, kubelet.Started); err != nil {
			return err
		}
		return u.clients.nodeReady(ctx)
	})
	if err != nil {
		return &componentError{name: "kubelet", err: err}
	}
	return nil
}

func (u *up) stepReady(ctx context.Context, _ *steps.Report) error {
	return wait(ctx, 240*time.Second, 200*time.Millisecond, u.clients.deploymentsReady)
}

// display is a spinner on a terminal and plain lines otherwise.
func (l *Lab) display() interface {
	steps.Display
	Close()
} {
	f, ok := l.Out.(*os.File)
	if !ok {
		return steps.NewPlain(l.Out, 30*time.Second)
	}
	if _, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err != nil {
		return steps.NewPlain(l.Out, 30*time.Second)
	}
	return steps.NewTerminal(f, time.Now, func() int {
		size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil || size.Col == 0 {
			return 80
		}
		return int(size.Col)
	})
}

// explain prints the end of the log that belongs to a failure, and what to do.
func (l *Lab) explain(err error) {
	if c := (*componentError)(nil); errors.As(err, &c) {
		lines, readErr := lastLines(l.logPath(c.name), 15)
		switch {
		case readErr != nil:
			fmt.Fprintln(l.Errors, readErr)
		case lines != "":
			fmt.Fprintf(l.Errors, "\nThe last lines of %s:\n%s\n", l.logPath(c.name), lines)
		}
	}
	fmt.Fprintf(l.Errors, "\nWhat to do: `make up` again goes on from here; `make down` takes everything away; the logs are in %s.\n", l.path("log"))
}

func (l *Lab) printSettings() {
	fmt.Fprintf(l.Out, `Lab settings: stable-window %v and scale-to-zero-grace-period %v (Knative's defaults: 1m0s and 30s), so that a pod
without requests is told to stop after about %.0f s and not after a minute; it drains for 30 s more in both cases.
Use it:   . .lab/env && kubectl get pods -A
Stop it:  make down
`, StableWindow, GracePeriod, StableWindow.Seconds())
}

// sortedTail sorts all but the first n parts.
func sortedTail(parts []string, n int) []string {
	slices.Sort(parts[n:])
	return parts
}
