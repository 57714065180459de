package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal of a width: the end that a program gets, and
// what appears on its screen.
func terminal(t *testing.T, columns uint16) (tty *os.File, screen func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen bytes.Buffer
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			mu.Lock()
			seen.Write(buf[:n])
			mu.Unlock()
			if err != nil { // the other end is closed
				return
			}
		}
	}()
	t.Cleanup(func() { tty.Close(); master.Close() })
	return tty, func() string {
		mu.Lock()
		defer mu.Unlock()
		return seen.String()
	}
}

// slow starts a run whose rows wait in a pipe until the test lets them go: half of
// them, then the bar has to appear, then the rest.
func slow(t *testing.T, stdout, stderr *os.File, args ...string) (wait func(rest string) int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, append([]string{"predict", heart, "-"}, args...)...)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = stdout, stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, header+"\n"+strings.Repeat(patient+"\n", 3000)); err != nil {
		t.Fatal(err)
	}
	return func(rest string) int {
		if _, err := io.WriteString(stdin, rest); err != nil {
			t.Fatal(err)
		}
		if err := stdin.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Log(err)
		}
		return c.ProcessState.ExitCode()
	}
}

// TestBar: a long run shows its progress on a terminal, in one line that is wiped
// in the end; what else is said has lines of its own.
func TestBar(t *testing.T) {
	tty, screen := terminal(t, 60)
	wait := slow(t, nil, tty)
	waitFor(t, func() bool { return strings.Contains(screen(), " rows/s") })
	if code := wait(patient + "\n1,2\n"); code != 1 {
		t.Errorf("exit %d", code)
	}
	waitFor(t, func() bool { return strings.HasSuffix(screen(), "leaves such rows out)\r\n") })
	pattern := `^(\r3,000 rows, [0-9,]+ rows/s\x1b\[K)+\r\x1b\[Koinf: standard input, line 3003: expected 13 cells, as many as the header has, got 2 \(-skip-bad leaves such rows out\)\r\n$`
	if !regexp.MustCompile(pattern).MatchString(screen()) {
		t.Errorf("the screen shows %q", screen())
	}
}

// TestBarEnds: the last line says what was done.
func TestBarEnds(t *testing.T) {
	tty, screen := terminal(t, 60)
	wait := slow(t, nil, tty)
	waitFor(t, func() bool { return strings.Contains(screen(), " rows/s") })
	if code := wait(patient + "\n"); code != 0 {
		t.Errorf("exit %d", code)
	}
	waitFor(t, func() bool { return strings.HasSuffix(screen(), " rows/s\r\n") })
	if _, last, _ := strings.Cut(screen(), "\r\x1b[K"); !regexp.MustCompile(`^3,001 rows in [0-9.]+ s, [0-9,]+ rows/s\r\n$`).MatchString(last) {
		t.Errorf("the last line is %q", last)
	}
}

// TestNoBar: nothing but the answers where these go to the terminal, and nothing at
// all with -quiet. Rows are not read from a terminal by mistake.
func TestNoBar(t *testing.T) {
	tty, screen := terminal(t, 60)
	wait := slow(t, tty, tty)
	waitFor(t, func() bool { return strings.Count(screen(), "\n") > 3000 })
	quiet, quietScreen := terminal(t, 60)
	waitQuiet := slow(t, nil, quiet, "-quiet")
	bar, barScreen := terminal(t, 60) // tells when the others would have shown theirs
	waitBar := slow(t, nil, bar)
	waitFor(t, func() bool { return strings.Contains(barScreen(), " rows/s") })
	for _, end := range []func(string) int{wait, waitQuiet, waitBar} {
		if code := end(""); code != 0 {
			t.Errorf("exit %d", code)
		}
	}
	if strings.Contains(screen(), "rows/s") {
		t.Errorf("among the answers: %.200q", screen())
	}
	if quietScreen() != "" {
		t.Errorf("with -quiet: %q", quietScreen())
	}
	in, _ := terminal(t, 60)
	if got := execute(t, in, "predict", heart); got.code != 2 || got.stderr != "oinf: no rows: name a file, or send rows to standard input\n" {
		t.Errorf("exit %d, %s", got.code, got.stderr)
	}
}

// TestMemory: twenty times as many rows take no more memory, twice as much at most.
func TestMemory(t *testing.T) {
	c := exec.CommandContext(t.Context(), program, "predict", heart, "-quiet", "-o", "/dev/null")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	block := strings.Repeat(patient+"\n", 10_000)
	feed := func(text string, times int) (peak int) {
		t.Helper()
		for range times {
			if _, err := io.WriteString(stdin, text); err != nil {
				t.Fatal(err)
			}
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ = strings.Cut(string(status), "\nVmHWM:")
		if _, err := fmt.Sscan(text, &peak); err != nil {
			t.Fatal(err)
		}
		return peak
	}
	feed(header+"\n", 1)
	small := feed(block, 4)
	large := feed(block, 76)
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("resident at most: %d KiB after 40,000 rows, %d KiB after 800,000", small, large)
	if large > 2*small {
		t.Errorf("%d KiB after 40,000 rows, %d KiB after 800,000", small, large)
	}
}
