package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

func packedBody(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGzip: a packed body is answered as the body itself, on every endpoint, with
// binary tensors too, and in several members as RFC 1952 allows.
func TestGzip(t *testing.T) {
	url, log, stop := serve(t, heart(t), nil)
	tensors, head := binaryRequest(t, "", patient())
	for _, c := range []struct {
		path, body string
		header     []string
	}{
		{"/predict", row, nil},
		{v1Path, `{"instances":[` + listRow + `]}`, nil},
		{"/v2/models/heart-disease/infer", inferRequest(""), []string{"Content-Type", jsonType}},
		{"/v2/models/heart-disease/infer", tensors, []string{headerLength, strconv.Itoa(head)}},
	} {
		_, want := ask(t, "POST", url+c.path, c.body, c.header...)
		half := len(c.body) / 2
		for name, packed := range map[string]string{
			"one member": packedBody(t, c.body), "two members": packedBody(t, c.body[:half]) + packedBody(t, c.body[half:]),
		} {
			for _, encoding := range []string{"gzip", "GZIP"} {
				res, got := ask(t, "POST", url+c.path, packed, append([]string{"Content-Encoding", encoding}, c.header...)...)
				if res.Status != 200 || got != want {
					t.Errorf("%s, %s, %s: %d %s", c.path, name, encoding, res.Status, got)
				}
			}
		}
		if res, got := ask(t, "POST", url+c.path, c.body, append([]string{"Content-Encoding", "identity"}, c.header...)...); res.Status != 200 || got != want {
			t.Errorf("%s, identity: %d %s", c.path, res.Status, got)
		}
	}
	stop()
	lines := logged(t, log, "request")
	// One member comes before or after two, in two spellings each.
	if want := float64(len(packedBody(t, row))); lines[1]["bytes_in"] != want && lines[3]["bytes_in"] != want {
		t.Errorf("bytes_in is %v and %v, expected once what came over the wire, %v", lines[1]["bytes_in"], lines[3]["bytes_in"], want)
	}
}

// TestBadGzip: what is no gzip, or not all of it, and a right answer directly after.
func TestBadGzip(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	good := packedBody(t, row)
	flip := []byte(good)
	flip[len(flip)-6] ^= 1 // in the checksum
	damaged := []byte(good)
	damaged[12] |= 6 // the type of the first block: 3 is reserved
	_, want := ask(t, "POST", url+"/predict", row)
	for name, c := range map[string]struct {
		body, message string
		status        int
	}{
		"plain":        {row, "the body is not gzip, as Content-Encoding says", 400},
		"empty":        {"", "the body is empty: expected JSON", 400},
		"cut":          {good[:len(good)-1], "the gzip data end early", 400},
		"cut head":     {good[:5], "the gzip data end early", 400},
		"checksum":     {string(flip), "the gzip data do not fit their checksum", 400},
		"damaged":      {string(damaged[:10]) + "\xff\xff\xff\xff\xff\xff", "the gzip data are damaged", 400},
		"more behind":  {good + "more than ten", "something that is not gzip stands behind the gzip data", 400},
		"nothing":      {packedBody(t, ""), "the body is empty: expected JSON", 400},
		"no JSON":      {packedBody(t, "hello"), "invalid JSON at byte 0: expected a value, got 'h'", 400},
		"packed twice": {packedBody(t, good), "invalid JSON at byte 1: not UTF-8", 400},
	} {
		res, body := ask(t, "POST", url+"/predict", c.body, "Content-Encoding", "gzip")
		if res.Status != c.status || errorOf(t, body) != c.message {
			t.Errorf("%s: %d %s", name, res.Status, body)
		}
		if _, after := ask(t, "POST", url+"/predict", row); after != want {
			t.Errorf("%s: right after it a right request got %s", name, after)
		}
	}
	for _, encoding := range []string{"deflate", "br", "zstd", "x-gzip", "gzip, gzip", "gzip,", "\""} {
		res, body := ask(t, "POST", url+"/predict", good, "Content-Encoding", encoding)
		message := "Content-Encoding " + strconv.Quote(encoding) + " is not supported: expected gzip, or the body as it is"
		if res.Status != http.StatusUnsupportedMediaType || errorOf(t, body) != message {
			t.Errorf("%s: %d %s", encoding, res.Status, body)
		}
	}
}

// counted counts what a server reads of a body.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func (c *counted) Close() error { return nil }

// TestGzipBomb: a body that unpacks to far more than the bound is refused once it
// has passed the bound: what follows is never unpacked, nor are its packed bytes
// kept. 48 MiB of blanks may take what one MiB takes.
func TestGzipBomb(t *testing.T) {
	var s *Server
	serveAs(t, heart(t), func(o *Options) { o.MaxBodyBytes = 1 << 20 }, &s)
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	blank := strings.Repeat(" ", 1<<20)
	for range 48 {
		if _, err := io.WriteString(w, blank); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 1<<20 {
		t.Fatalf("the bomb has %d bytes", b.Len())
	}
	body := &counted{Reader: &b}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/predict", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "gzip")
	req.ContentLength = -1
	work := &work{}
	c := &call{Context: echo.New().NewContext(req, nil)}
	_, err = s.receive(c, work, false)
	if r := s.judge(c, err); r.status != 413 || r.message != "the body is too large when unpacked: expected at most 1048576 bytes" {
		t.Errorf("%d %s", r.status, r.message)
	}
	if cap(work.body) > 2<<20 || body.n > 16<<10 {
		t.Errorf("%d bytes were unpacked from %d", cap(work.body), body.n)
	}
}
