package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// component is one long-running program of the cluster.
type component struct {
	name string
	args []string
	// config is the configuration file's text: a changed one means a restart.
	config string
	// ready is asked until it returns nil.
	ready func(ctx context.Context) error
}

// startTimeout bounds how long a component may take to become ready; the slow
// ones (kube-apiserver on two busy cores) take about 20 s.
const startTimeout = 120 * time.Second

// ensure starts c unless it runs already with the same command, and waits
// until it is ready. It reports whether it was running.
func (u *up) ensure(ctx context.Context, c component) (already bool, err error) {
	command := digestOf(append([]string{c.config}, c.args...)...)
	old, known := u.record.process(c.name)
	already = known && old.alive() && old.Command == command
	if !already {
		if known && old.alive() {
			if err := stopAll(ctx, []identity{old.identity}, 10*time.Second); err != nil {
				return false, err
			}
		}
		if err := u.start(ctx, c, command); err != nil {
			return false, err
		}
	}
	now, _ := u.record.process(c.name)
	err = wait(ctx, startTimeout, poll, func(ctx context.Context) error {
		if !now.alive() {
			return errors.New("the process has ended")
		}
		if c.ready == nil {
			return nil
		}
		return c.ready(ctx)
	})
	if err != nil {
		return already, &componentError{name: c.name, err: err}
	}
	return already, nil
}

// componentError points at the log of the component that failed.
type componentError struct {
	name string
	err  error
}

func (e *componentError) Error() string { return fmt.Sprintf("%s: %v", e.name, e.err) }
func (e *componentError) Unwrap() error { return e.err }

func (u *up) start(ctx context.Context, c component, command string) error {
	logFile, err := os.OpenFile(u.logPath(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open the log of %s: %w", c.name, err)
	}
	defer logFile.Close()
	// nsenter enters the network namespace only. `ip netns exec` would also
	// mount /sys anew, which hides the cgroups from the kubelet.
	args := append([]string{"nsenter", "--net=" + u.netnsPath(), "--"}, c.args...)
	// Not bound to ctx: the component outlives this command.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...)
	cmd.Env = []string{
		"PATH=" + u.path("bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		ownerVariable + "=" + u.Root,
	}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = logFile, logFile
	// A session of its own: the cluster survives the terminal it was started from.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", c.name, err)
	}
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", c.name, errors.Join(err, cmd.Wait()))
	}
	// Reaped here while this command runs, by init afterwards; how it ended is
	// read from the component's log.
	go func() { _ = cmd.Wait() }()
	return u.record.update(func() {
		u.record.Processes[c.name] = process{identity: id, Command: command, Started: time.Now()}
	})
}

// stopAll ends processes: first politely, after the grace period by force, and
// returns only when they are gone.
func stopAll(ctx context.Context, ids []identity, grace time.Duration) error {
	if err := signalAll(ids, unix.SIGTERM); err != nil {
		return err
	}
	gone := func(context.Context) error {
		var left []string
		for _, id := range ids {
			if id.alive() {
				left = append(left, fmt.Sprintf("%s (process %d)", processName(id.PID), id.PID))
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("still running: %s", strings.Join(left, ", "))
		}
		return nil
	}
	if grace > 0 && wait(ctx, grace, 20*time.Millisecond, gone) == nil {
		return nil
	}
	if err := signalAll(ids, unix.SIGKILL); err != nil {
		return err
	}
	return wait(ctx, 20*time.Second, 20*time.Millisecond, gone)
}

// signalAll sends a signal to every process that is still the recorded one.
// The pidfd is opened first and the identity checked after: from then on the
// signal cannot reach another process that got the same id.
func signalAll(ids []identity, sig unix.Signal) error {
	for _, id := range ids {
		if err := signalOne(id, sig); err != nil {
			return fmt.Errorf("cannot signal process %d: %w", id.PID, err)
		}
	}
	return nil
}

func signalOne(id identity, sig unix.Signal) (err error) {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if !id.alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// command runs a program to its end in the host's network, with its output in
// the log of the given name; a failure carries the end of its output.
func (l *Lab) command(ctx context.Context, logName, dir string, env []string, args ...string) error {
	_, err := l.output(ctx, logName, dir, env, args...)
	return err
}

// output is command that also returns the standard output.
func (l *Lab) output(ctx context.Context, logName, dir string, env []string, args ...string) ([]byte, error) {
	logFile, err := os.OpenFile(l.logPath(logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log: %w", err)
	}
	defer logFile.Close()
	fmt.Fprintf(logFile, "$ %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = env
	var tail tailWriter
	cmd.Stderr = &teeWriter{logFile, &tail}
	// A program that is cancelled takes its children with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if p, err := invoker(l.Environ); err == nil && p.viaSudo && env != nil && lookup(env, asInvoker) != "" {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.gid)}
	}
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(args[0])+" "+strings.Join(args[1:min(len(args), 3)], " "), err, tail.String())
	}
	return out, nil
}
