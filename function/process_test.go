package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the built program, which the tests of this package start for real.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "function-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "function")
	build := exec.CommandContext(context.Background(), "go", append(append([]string{"build", "-buildvcs=false"}, buildFlags...), "-o", program, ".")...)
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the program:", err)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// A process is one run of the program.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  lines
	errs bytes.Buffer
	done chan struct{} // closed after exit
	url  string        // once ready
}

// lines collects the log and lets a test wait for a line.
type lines struct {
	mu  sync.Mutex
	all []map[string]any
	raw []string
}

func (l *lines) read(r io.Reader) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		m := map[string]any{}
		if err := json.Unmarshal(scan.Bytes(), &m); err != nil {
			m["broken"] = err.Error()
		}
		l.mu.Lock()
		l.all, l.raw = append(l.all, m), append(l.raw, scan.Text())
		l.mu.Unlock()
	}
}

// with returns the lines of a message.
func (l *lines) with(message string) []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for _, m := range l.all {
		if s, ok := m["message"].(string); ok && strings.HasPrefix(s, message) {
			found = append(found, m)
		}
	}
	return found
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.raw, "\n")
}

// launch starts the program with an environment of nothing but what is given and
// a free port. It is stopped at the end of the test.
func launch(t *testing.T, environ ...string) *process {
	t.Helper()
	return launchProgram(t, program, environ...)
}

func launchProgram(t *testing.T, program string, environ ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(context.Background(), program), done: make(chan struct{})}
	p.cmd.Env = append([]string{"PORT=0", "HOSTNAME=pod-a", "KO_DATA_PATH=kodata", "K_REVISION=online-inference-v1"}, raceEnviron...)
	p.cmd.Env = append(p.cmd.Env, environ...)
	p.cmd.Stderr = &p.errs
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.out.read(pipe)
		if err := p.cmd.Wait(); err != nil {
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				p.errs.WriteString(err.Error())
			}
		}
		close(p.done)
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			p.signal(syscall.SIGKILL)
			<-p.done
		}
	})
	return p
}

// start is launch and a wait for the model.
func start(t *testing.T, environ ...string) *process {
	t.Helper()
	p := launch(t, environ...)
	p.url = "http://" + p.address("ready")
	return p
}

// address waits for a line that tells where the program listens.
func (p *process) address(message string) string {
	p.t.Helper()
	p.await("line "+message, func() bool { return len(p.out.with(message)) > 0 })
	_, port, err := net.SplitHostPort(p.out.with(message)[0]["address"].(string))
	if err != nil {
		p.t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// await waits for a condition; what has to come is said where it does not.
func (p *process) await(what string, cond func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("no %s within %v; the log:\n%s\n%s", what, patience, p.out.text(), p.errs.String())
		}
		select {
		case <-p.done:
			if !cond() {
				p.t.Fatalf("the program ended with code %d before %s; the log:\n%s\n%s",
					p.cmd.ProcessState.ExitCode(), what, p.out.text(), p.errs.String())
			}
		default:
		}
	}
}

func (p *process) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
}

// exit waits for the end and returns the exit code; below 0 for a signal.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("the program did not end within %v; the log:\n%s", patience, p.out.text())
	}
	return p.cmd.ProcessState.ExitCode()
}

// A reply is an answer read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request on a client of its own or the given one.
func do(client *http.Client, method, url, contentType, body string) (reply, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return send(client, req)
}

func send(client *http.Client, req *http.Request) (reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b)}, err
}

// get and post fail the test where there is no answer at all.
func (p *process) get(path string) reply {
	p.t.Helper()
	r, err := do(http.DefaultClient, http.MethodGet, p.url+path, "", "")
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *process) post(path, body string) reply {
	p.t.Helper()
	r, err := do(http.DefaultClient, http.MethodPost, p.url+path, "application/json", body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// decode reads JSON into a value of the type.
func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}
