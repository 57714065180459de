// Command grpc compares servers of gRPC that share a port with REST by net/http:
// connect-go, grpc-go's http.Handler, and the function's own handler, beside the
// same server without gRPC. There is no model behind them. They take turns, and
// one client asks them all. Run it from the root of the project:
//
//	go -C bench/grpc run . -n 2000
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"online-inference/function/oip/grpc/oippb"
)

func main() {
	n := flag.Int("n", 2000, "calls of one row for each server in each turn; a twentieth of them with 1,000 rows")
	turns := flag.Int("turns", 5, "turns")
	flag.Parse()
	if err := run(context.Background(), *n, *turns, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "grpc:", err)
		os.Exit(1)
	}
}

// A subject is a server to measure; of each figure the best counts.
type subject struct {
	name, program string
	size          float64 // MB
	inits, rss    float64 // ms of all packages' initialisation, MB when idle
	one, thousand figures
}

// figures of calls of one size.
type figures struct{ fastest, median, mallocs float64 } // µs, µs, allocations of the server

func run(ctx context.Context, n, turns int, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench-grpc")
	if err != nil {
		return err
	}
	return errors.Join(compare(ctx, dir, n, turns, out), os.RemoveAll(dir))
}

// compare builds the servers in a folder, measures them and writes the table.
func compare(ctx context.Context, dir string, n, turns int, out io.Writer) error {
	var subjects []*subject
	for _, name := range []string{"floor", "connect", "grpcgo", "own"} {
		s := &subject{name: name, program: filepath.Join(dir, name)}
		if err := s.build(ctx); err != nil {
			return err
		}
		subjects = append(subjects, s)
	}
	for range turns {
		for _, s := range subjects {
			if err := s.turn(ctx, n); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	fmt.Fprintln(out, "| server | binary MB | inits ms | RSS MB | 1 row: fastest µs | median µs | allocations | 1,000 rows: fastest µs | median µs | allocations |")
	fmt.Fprintln(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, s := range subjects {
		fmt.Fprintf(out, "| %s | %.1f | %.2f | %.1f | %s | %s |\n", s.name, s.size, s.inits, s.rss, s.one, s.thousand)
	}
	return nil
}

func (f figures) String() string {
	if f.fastest == 0 {
		return "– | – | –"
	}
	return fmt.Sprintf("%.0f | %.0f | %.0f", f.fastest, f.median, f.mallocs)
}

// build makes the program as the function is shipped: static, stripped, trimmed.
func (s *subject) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", s.program, "./"+s.name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	info, err := os.Stat(s.program)
	if err != nil {
		return err
	}
	s.size = float64(info.Size()) / 1e6
	return nil
}

// turn starts the program, reads what it holds when idle, and asks it.
func (s *subject) turn(ctx context.Context, n int) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.program)
	cmd.Env = []string{"PORT=" + port, "GODEBUG=inittrace=1"}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return err
	}
	err = s.ask(ctx, "127.0.0.1:"+port, cmd.Process.Pid, n)
	err = errors.Join(err, cmd.Process.Kill())
	var exit *exec.ExitError
	if end := cmd.Wait(); end != nil && !errors.As(end, &exit) {
		err = errors.Join(err, end)
	}
	if err != nil {
		return err
	}
	s.inits = least(s.inits, inits(log.String()))
	return nil
}

func (s *subject) ask(ctx context.Context, address string, pid, n int) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := get(ctx, "http://"+address+"/")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	time.Sleep(50 * time.Millisecond)
	rss, err := residentMB(pid)
	if err != nil {
		return err
	}
	s.rss = least(s.rss, rss)
	if s.name == "floor" {
		return nil
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	err = s.one.measure(ctx, conn, address, request(1), n)
	if err == nil {
		err = s.thousand.measure(ctx, conn, address, request(1000), max(n/20, 1))
	}
	return errors.Join(err, conn.Close())
}

// request asks for rows of 13 columns.
func request(rows int) *oippb.ModelInferRequest {
	req := &oippb.ModelInferRequest{ModelName: "sum", Id: "1"}
	for i := range 13 {
		c := &oippb.InferTensorContents{}
		for k := range rows {
			c.Fp32Contents = append(c.Fp32Contents, float32(i)+float32(k)/7)
		}
		req.Inputs = append(req.Inputs, &oippb.ModelInferRequest_InferInputTensor{
			Name: "column_" + strconv.Itoa(i), Datatype: "FP32", Shape: []int64{int64(rows), 1}, Contents: c,
		})
	}
	return req
}

// measure makes n calls, one after another.
func (f *figures) measure(ctx context.Context, conn *grpc.ClientConn, address string, req *oippb.ModelInferRequest, n int) error {
	var before, after float64
	times := make([]float64, n)
	for i := range n + n/10 { // the first ones warm up
		if i == n/10 {
			v, err := get(ctx, "http://"+address+"/mallocs")
			if err != nil {
				return err
			}
			before = v
		}
		var res oippb.ModelInferResponse
		began := time.Now()
		if err := conn.Invoke(ctx, "/inference.GRPCInferenceService/ModelInfer", req, &res); err != nil {
			return err
		}
		if i >= n/10 {
			times[i-n/10] = float64(time.Since(began).Nanoseconds()) / 1000
		}
		if len(res.Outputs) != 2 || len(res.Outputs[1].Contents.Fp32Contents) != 2*len(req.Inputs[0].Contents.Fp32Contents) {
			return fmt.Errorf("unexpected answer %v", &res)
		}
	}
	after, err := get(ctx, "http://"+address+"/mallocs")
	if err != nil {
		return err
	}
	slices.Sort(times)
	f.fastest, f.median = least(f.fastest, times[0]), least(f.median, times[n/2])
	f.mallocs = least(f.mallocs, (after-before)/float64(n))
	return nil
}

// least keeps the best reading; 0 is none yet.
func least(have, v float64) float64 {
	if have == 0 {
		return v
	}
	return min(have, v)
}

// get reads a number, 0 where the answer is empty.
func get(ctx context.Context, url string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || len(text) == 0 {
		return 0, err
	}
	return strconv.ParseFloat(string(text), 64)
}

// inits adds up the lines of GODEBUG=inittrace=1, in ms.
func inits(log string) float64 {
	sum := 0.0
	for scan := bufio.NewScanner(strings.NewReader(log)); scan.Scan(); {
		f := strings.Fields(scan.Text())
		if len(f) < 6 || f[0] != "init" {
			continue
		}
		if ms, err := strconv.ParseFloat(f[4], 64); err == nil {
			sum += ms
		}
	}
	return sum
}

// residentMB is what a process holds.
func residentMB(pid int) (float64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kB, err := strconv.ParseFloat(f[1], 64)
			return kB * 1024 / 1e6, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// freePort is a port that nobody listens on now.
func freePort(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, errors.Join(err, ln.Close())
}
