package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// express serves with a count of the requests that net/http saw.
func express(t *testing.T, change func(*Options)) (s *Server, url string, log *safeBuffer, seen *atomic.Int64) {
	t.Helper()
	log = &safeBuffer{}
	opt := Options{
		Repository: heart(t), Log: telemetry.NewLogger(log, "debug", "json"), Build: "test", Revision: "rev-1", Pod: "pod-1",
		MaxBodyBytes: 1 << 20, MaxRows: 100, RequestTimeout: 5 * time.Second, Metrics: telemetry.NewMetrics("test"), PublicMetrics: true,
	}
	if change != nil {
		change(&opt)
	}
	s, seen = New(opt), new(atomic.Int64)
	inner := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		inner.ServeHTTP(w, r)
	})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Drain(0, 2*time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, "http://" + ln.Addr().String(), log, seen
}

// expected waits until the one connection expects a request: what comes before that
// may begin with a byte that net/http has read already, and is not for the lane.
func expected(t *testing.T, s *Server) {
	t.Helper()
	wait(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for k := range s.conns {
			if c, ok := k.(*expressConn); ok && c.lane.Load() == laneReady {
				return true
			}
		}
		return false
	})
}

// wire is a request as bytes.
func wire(path, body, more string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x:80\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), more, body)
}

// varying matches what differs from answer to answer.
var varying = regexp.MustCompile(`Date: [^\r]+|X-Request-Id: [0-9a-f]{32}`)

// exchange sends bytes and reads an answer as bytes.
func exchange(t *testing.T, conn net.Conn, r *bufio.Reader, request string) string {
	t.Helper()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return receiveAnswer(t, conn, r)
}

func receiveAnswer(t *testing.T, conn net.Conn, r *bufio.Reader) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, raw.String())
		}
		raw.WriteString(line)
		if _, err := fmt.Sscanf(line, "Content-Length: %d", &length); err == nil {
			continue
		}
		if line == "\r\n" {
			break
		}
	}
	if _, err := io.CopyN(&raw, r, int64(length)); err != nil {
		t.Fatal(err)
	}
	return varying.ReplaceAllString(raw.String(), "*")
}

const (
	tensorPath   = "/v2/models/heart-disease/infer"
	plainType    = "Content-Type: application/json\r\n"
	givenID      = "X-Request-Id: my-1\r\n"
	binaryWanted = `"parameters":{"binary_data_output":true},"inputs":[`
)

// TestExpress: the lane answers byte for byte what net/http and echo answer, is
// logged and counted alike, and leaves to them whatever it does not know.
func TestExpress(t *testing.T) {
	tensors := inferRequest("")
	for name, c := range map[string]struct {
		request string
		taken   bool
	}{
		"objects":         {wire("/predict", row, plainType), true},
		"no type":         {wire("/predict", row, ""), true},
		"type, id, proxy": {wire("/predict", row, "content-TYPE: Application/JSON; charset=utf-8\r\n"+givenID+"X-Forwarded-For: 10.0.0.1\r\nUser-Agent: a b\r\nconnection: Keep-Alive\r\nK-Proxy-Request: activator\r\n"), true},
		"strange id":      {wire("/predict", row, "X-Request-Id: what is this\r\n"), true},
		"warnings":        {wire("/predict", strings.Replace(row, "63", "90", 1), plainType), true},
		"v1":              {wire(v1Path, `{"instances":[`+listRow+`]}`, plainType), true},
		"v2":              {wire(tensorPath, tensors, plainType), true},
		"v2 version":      {wire("/v2/models/heart-disease/versions/1/infer", tensors, plainType), true},
		"v2 binary":       {wire(tensorPath, strings.Replace(tensors, `"inputs":[`, binaryWanted, 1), plainType), true},

		"bad value":       {wire("/predict", strings.Replace(row, "63", `"x"`, 1), plainType), false},
		"bad JSON":        {wire("/predict", "{", plainType), false},
		"too many rows":   {wire("/predict", "["+strings.Repeat(`{},`, 150)+"{}]", plainType), false},
		"form":            {wire("/predict", row, "Content-Type: application/x-www-form-urlencoded\r\n"), false},
		"octets":          {wire(tensorPath, tensors, "Content-Type: application/octet-stream\r\n"), false},
		"header length":   {wire(tensorPath, tensors, fmt.Sprintf("%sInference-Header-Content-Length: %d\r\n", plainType, len(tensors))), false},
		"unknown path":    {wire("/predict/", row, plainType), false},
		"query":           {wire("/predict?x=1", row, plainType), false},
		"escaped":         {wire("/predic%74", row, plainType), false},
		"other model":     {wire("/v2/models/nobody/infer", tensors, plainType), false},
		"other version":   {wire("/v2/models/heart-disease/versions/2/infer", tensors, plainType), false},
		"other method":    {strings.Replace(wire("/predict", row, plainType), "POST", "PUT", 1), false},
		"unknown header":  {wire("/predict", row, "Strange: 1\r\n"), false},
		"expect":          {wire("/predict", row, "Expect: 100-continue\r\n"), false},
		"encoding":        {wire("/predict", row, "Content-Encoding: identity\r\n"), false},
		"two types":       {wire("/predict", row, plainType+plainType), false},
		"two ids":         {wire("/predict", row, givenID+givenID), false},
		"high characters": {wire("/predict", row, "User-Agent: caf\xc3\xa9\r\n"), false},
		"line feeds":      {strings.ReplaceAll(wire("/predict", row, plainType), "\r\n", "\n"), false},
		"no body":         {wire("/predict", "", plainType), false},
		"long":            {wire("/predict", row+strings.Repeat(" ", 5000), plainType), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, url, log, seen := express(t, nil)
			conn := dial(t, url)
			r := bufio.NewReader(conn)
			if name == "expect" { // the interim answer comes first
				c.request = strings.TrimSuffix(c.request, row)
				exchange(t, conn, r, c.request)
				exchange(t, conn, r, row)
				if exchange(t, conn, r, c.request); seen.Load() != 2 {
					t.Errorf("net/http saw %d of 2 requests", seen.Load())
				}
				return
			}
			first := exchange(t, conn, r, c.request)
			if c.taken {
				expected(t, s)
			}
			if got := exchange(t, conn, r, c.request); got != first {
				t.Errorf("net/http answers\n%s\nthe lane\n%s", first, got)
			}
			if want := map[bool]int64{true: 1, false: 2}[c.taken]; seen.Load() != want {
				t.Errorf("net/http saw %d requests, expected %d", seen.Load(), want)
			}
			lines := logged(t, log, "request")
			if len(lines) != 2 {
				t.Fatalf("the log has %d requests: %v", len(lines), lines)
			}
			for _, line := range lines {
				delete(line, "time")
				delete(line, "duration_ms")
				if line["request_id"] != "my-1" {
					delete(line, "request_id")
				}
			}
			if d := cmp.Diff(lines[0], lines[1]); d != "" {
				t.Errorf("the lane logs something else (-net/http +lane):\n%s", d)
			}
			_, metrics := ask(t, "GET", url+"/metrics", "")
			if code := first[len("HTTP/1.1 "):][:3]; strings.Count(metrics, `oi_http_requests_total{code="`+code+`"`) != 1 || !regexp.MustCompile(`oi_http_requests_total\{code="`+code+`".*\} 2\n`).MatchString(metrics) {
				t.Errorf("two requests are not counted alike:\n%s", grep(metrics, "oi_http_requests"))
			}
			if !strings.Contains(metrics, "oi_http_requests_in_flight 0\n") {
				t.Errorf("%s", grep(metrics, "in_flight"))
			}
			if c.taken && !regexp.MustCompile(`oi_rows_scored_total\{.*\} 2\n`).MatchString(metrics) {
				t.Errorf("rows are not counted alike:\n%s", grep(metrics, "oi_rows"))
			}
		})
	}
}

func grep(text, part string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// TestExpressPieces: wherever a request is cut by the network, and whatever comes
// along with it, every answer is right and in its order.
func TestExpressPieces(t *testing.T) {
	s, url, _, seen := express(t, nil)
	conn := dial(t, url)
	r := bufio.NewReader(conn)
	request := wire("/predict", row, plainType)
	want := exchange(t, conn, r, request)
	other := wire(v1Path, `{"instances":[`+listRow+`]}`, plainType)
	wantOther := exchange(t, conn, r, other)
	for cut := 1; cut < len(request); cut += 7 {
		if _, err := conn.Write([]byte(request[:cut])); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if got := exchange(t, conn, r, request[cut:]); got != want {
			t.Fatalf("cut at %d: %s", cut, got)
		}
		// All of another one, and the beginning of the one after it.
		if got := exchange(t, conn, r, other+request[:cut]); got != wantOther {
			t.Fatalf("before %d bytes more: %s", cut, got)
		}
		if got := exchange(t, conn, r, request[cut:]+other+other); got != want {
			t.Fatalf("after %d bytes: %s", cut, got)
		}
		for range 2 {
			if got := receiveAnswer(t, conn, r); got != wantOther {
				t.Fatalf("of two at once: %s", got)
			}
		}
	}
	if got := exchange(t, conn, r, request); got != want {
		t.Fatal(got)
	}
	expected(t, s)
	before := seen.Load()
	for range 3 {
		if got := exchange(t, conn, r, request); got != want {
			t.Fatal(got)
		}
	}
	if took := seen.Load() - before; took > 0 {
		t.Errorf("net/http saw %d of 3 plain requests after all that", took)
	}
}

// TestExpressEnd: the lane leaves the end of a connection to net/http, hangs where
// that is asked for, and falls back where its model panics.
func TestExpressEnd(t *testing.T) {
	s, url, _, seen := express(t, nil)
	conn := dial(t, url)
	r := bufio.NewReader(conn)
	request := wire("/predict", row, plainType)
	want := exchange(t, conn, r, request)
	m, err := s.opt.Repository.Find("", "")
	if err != nil {
		t.Fatal(err)
	}
	expected(t, s)
	good, broken := s.expressTable(), s.newExpressTable(m)
	broken.lanes[0].answer = func(*Server, *telemetry.Request, *artefact.Model, *work) error { panic("a fault") }
	s.table.Store(broken)
	if got := exchange(t, conn, r, request); got != want || seen.Load() != 2 {
		t.Errorf("a panic: net/http saw %d requests and answers\n%s", seen.Load(), got)
	}
	s.table.Store(good)
	expected(t, s)

	// The deadlines are renewed.
	c := only(t, s)
	c.read.Store(0)
	if got := exchange(t, conn, r, request); got != want || seen.Load() != 2 {
		t.Errorf("net/http saw %d requests: %s", seen.Load(), got)
	}
	wait(t, func() bool {
		return c.read.Load() > int64(idleTimeout*9/10) && c.write.Load() > int64(s.http.WriteTimeout/2)
	})

	s.draining.Store(true)
	if got := exchange(t, conn, r, request); !strings.Contains(got, "Connection: close\r\n") || seen.Load() != 3 {
		t.Errorf("while the server drains: net/http saw %d requests\n%s", seen.Load(), got)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
}

// wait waits for a condition.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

// TestExpressClose: Close leaves an answer that is under way its connection, and
// holds nobody up.
func TestExpressClose(t *testing.T) {
	s, url, _, _ := express(t, nil)
	conn := dial(t, url)
	c := only(t, s)
	if !c.begin() {
		t.Fatal("it is closed")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("answer")); err != nil {
		t.Errorf("closed during an answer: %v", err)
	}
	if n := s.answers(); n != 1 {
		t.Errorf("%d answers under way", n)
	}
	c.answered()
	if got, err := io.ReadAll(conn); string(got) != "answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// only is the one connection of a server.
func only(t *testing.T, s *Server) (c *expressConn) {
	t.Helper()
	wait(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for k := range s.conns {
			c = k.(*expressConn)
		}
		return c != nil
	})
	return c
}

// TestExpressAllocations: an answer costs next to no memory.
func TestExpressAllocations(t *testing.T) {
	s := quiet(t)
	request := []byte(wire("/predict", row, plainType))
	run := func() {
		h, ok := parseHead(request)
		table := s.expressTable()
		w := s.works.Get().(*work)
		defer s.done(w)
		if !ok || !s.evaluateExpress(table, table.find(h.path), &h, w) {
			t.Fatal("not taken")
		}
		s.composeExpress(table, w, time.Now())
	}
	run()
	if got := testing.AllocsPerRun(100, run); poolsKeep && got > 3 {
		t.Errorf("%v allocations", got)
	}
}

// FuzzExpressHead: what the lane reads of a request, net/http reads too.
func FuzzExpressHead(f *testing.F) {
	for _, more := range []string{"", plainType, givenID, "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", " folded: 1\r\n", "Content-Length: 3\r\n", "X-A : 1\r\n"} {
		f.Add([]byte(wire("/predict", "{}", more)))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		h, ok := parseHead(request)
		if !ok {
			return
		}
		rest := bytes.NewReader(request)
		r, err := http.ReadRequest(bufio.NewReaderSize(rest, 1<<16))
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, h.body) || r.ContentLength != int64(len(h.body)) {
			t.Fatalf("body %q, net/http reads %q, %v", h.body, body, err)
		}
		if r.Method != http.MethodPost || r.RequestURI != string(h.path) || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Close || r.Host == "" {
			t.Fatalf("%+v", r)
		}
		if got := r.Header.Get("X-Request-Id"); got != string(h.id) {
			t.Fatalf("id %q, net/http reads %q", h.id, got)
		}
		if form, err := formOf(r.Header, true); err != nil || form.gzip || form.head >= 0 {
			t.Fatalf("%+v, %v", form, err)
		}
		for _, name := range []string{"Expect", "Transfer-Encoding", "Upgrade", "Trailer", "Te", "Content-Encoding", headerLength} {
			if len(r.Header[name]) > 0 || len(r.TransferEncoding) > 0 {
				t.Fatalf("%s: %q", name, r.Header[name])
			}
		}
	})
}
