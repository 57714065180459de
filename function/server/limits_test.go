package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"online-inference/function/telemetry"
)

// TestModelRows: a model whose values are wide takes fewer rows than MAX_ROWS, and
// a request with more is refused before it is scored.
func TestModelRows(t *testing.T) {
	const categories = 100_000
	repo := repositoryOf(t, port("x", elementInt64, 0, 1), port("y", elementFloat, 0, 1, categories), oneHot("x", "y", categories))
	m, err := repo.Find("", "")
	if err != nil {
		t.Fatal(err)
	}
	var s *Server
	url, log, stop := serveAs(t, repo, func(o *Options) { o.MaxRows = 10_000 }, &s)
	most := m.MaxRows()
	if most < 10 || most >= 10_000 {
		t.Fatalf("the model takes %d rows", most)
	}
	column := strings.TrimSuffix(strings.Repeat("7,", most+1), ",")
	nested := strings.TrimSuffix(strings.Repeat("[7],", most+1), ",")
	objects := strings.TrimSuffix(strings.Repeat(`{"x":7},`, most+1), ",")
	want := fmt.Sprintf("{\"error\":\"too many rows for this model: expected at most %d\"}\n", most)
	for _, c := range [][2]string{
		{"/predict", `{"features":["x"],"data":[` + nested + `]}`},
		{"/predict", `[` + objects + `]`},
		{"/v2/models/small/infer", fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d,1],"datatype":"INT64","data":[%s]}]}`, most+1, column)},
		{"/v2/models/small/infer", fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"INT64","data":[%s],"shape":[%d,1]}]}`, nested, most+1)},
	} {
		if res, body := ask(t, "POST", url+c[0], c[1]); res.Status != http.StatusRequestEntityTooLarge || body != want {
			t.Errorf("%s: %d %s", c[0], res.Status, body)
		}
	}
	if res, body := ask(t, "POST", url+"/predict", `[{"x":7}]`); res.Status != 200 || !strings.Contains(body, `"outputs":{"y":[0,0,0,0,0,0,0,1,0,`) {
		t.Errorf("one row: %d %.200s", res.Status, body)
	}

	// Should the engine refuse a batch for no fault of its values, the client is
	// told nothing of it, the log everything.
	b := m.Batch(most + 1)
	defer b.Release()
	if r := s.judge(&call{}, s.score(&telemetry.Request{}, &work{}, b, m)); r.status != http.StatusInternalServerError || r.message != "internal error" {
		t.Errorf("got %d %s", r.status, r.message)
	}
	stop()
	lines := logged(t, log, "internal error")
	if text := fmt.Sprint(lines); len(lines) != 1 || !strings.Contains(text, fmt.Sprintf("cannot score %d rows", most+1)) {
		t.Errorf("the log has %s", text)
	}
}

// TestBool: a model of a boolean takes bare true and false, and the page offers
// these two.
func TestBool(t *testing.T) {
	url, _, _ := serve(t, repositoryOf(t, port("flag", elementBool, 0, 1), port("y", elementFloat, 0, 1), cast("flag", "y")), nil)
	res, body := ask(t, "POST", url+"/predict", `[{"flag":true},{"flag":false}]`)
	if res.Status != 200 || !strings.Contains(body, `[{"outputs":{"y":[1]}},{"outputs":{"y":[0]}}]`) {
		t.Errorf("%d %s", res.Status, body)
	}
	for _, value := range []string{`"true"`, `1`, `"t"`, `null`} {
		if res, body := ask(t, "POST", url+"/predict", `[{"flag":`+value+`}]`); res.Status != http.StatusBadRequest || !strings.Contains(body, "expected true or false, got") {
			t.Errorf("%s: %d %s", value, res.Status, body)
		}
	}
	for _, accept := range []string{"text/html", "Text/HTML;q=0.9"} {
		_, page := ask(t, "GET", url+"/", "", "Accept", accept)
		for _, want := range []string{`<select id="f-flag" name="flag" data-kind="bool" data-nullable="false"`, `<option value="true">`, `<option value="false">`} {
			if !strings.Contains(page, want) {
				t.Errorf("with Accept %s the page has no %s", accept, want)
			}
		}
	}
}

// TestRefusedValue: a value that only the model itself refuses is the client's
// mistake, told with its place and never at length.
func TestRefusedValue(t *testing.T) {
	url, _, _ := serve(t, repositoryOf(t, port("x", elementString, 0, 2), port("y", elementFloat, 0, 2), cast("x", "y")), nil)
	for _, c := range [][3]string{
		{"/predict", `[{"x_0":"1","x_1":"2"},{"x_0":"3","x_1":"a b"}]`, `{"error":"feature \"x_1\", row 1: \"a b\" is no float32","feature":"x_1","row":1}`},
		{"/predict", `{"features":["x_1","x_0"],"data":[["1","2"],["c","d"]]}`, `{"error":"feature \"x_0\", row 1, column 1: \"d\" is no float32","feature":"x_0","row":1,"column":1}`},
		{"/predict", `[{"x_0":"e","x_1":"e"}]`, `{"error":"row 0: \"e\" is no float32","row":0}`},
		{"/v2/models/small/infer", `{"inputs":[{"name":"x","shape":[2,2],"datatype":"BYTES","data":["1","2","x<","4"]}]}`,
			`{"error":"input \"x\", row 1, column 0 (feature \"x_0\"): \"x\u003c\" is no float32","input":"x","feature":"x_0","row":1,"column":0}`},
	} {
		if res, body := ask(t, "POST", url+c[0], c[1]); res.Status != http.StatusBadRequest || body != c[2]+"\n" {
			t.Errorf("got  %d %swant %s", res.Status, body, c[2])
		}
	}
	long := `[{"x_0":"1","x_1":"` + strings.Repeat(`\u0000`, 100_000) + `"}]`
	if res, body := ask(t, "POST", url+"/predict", long); res.Status != http.StatusBadRequest || len(body) > 2*maxReason {
		t.Errorf("a long value: %d with %d bytes", res.Status, len(body))
	}
}

// TestBelowHTTP: what net/http refuses by itself is the one kind of answer that is
// plain text; it has the right status and ends the connection.
func TestBelowHTTP(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	for request, status := range map[string]int{
		"NONSENSE " + strings.Repeat("x", 24) + "\r\n\r\n":                            400,
		"GET / HTTP/1.1\r\n\r\n":                                                      400, // no Host
		"POST /predict HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n":              417,
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 80<<10) + "\r\n\r\n": 431,
		"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":        501,
		"GET / HTTP/3.0\r\nHost: x\r\n\r\n":                                           505,
	} {
		conn := dial(t, url)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if got := read(t, conn); got.Status != status || !got.Close || strings.Contains(got.Header.Get("Content-Type"), "json") {
			t.Errorf("%.60q: %d, closing %v, %s", request, got.Status, got.Close, got.Header.Get("Content-Type"))
		}
	}
}

// TestDrainOptions: what echo answers by itself announces the end of a connection
// during a drain, as every other answer does.
func TestDrainOptions(t *testing.T) {
	var s *Server
	url, _, _ := serveAs(t, heart(t), nil, &s)
	conn := dial(t, url)
	r := bufio.NewReader(conn)
	for _, draining := range []bool{false, true} {
		s.draining.Store(draining)
		if _, err := io.WriteString(conn, "OPTIONS /predict HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if res.StatusCode != http.StatusNoContent || res.Close != draining {
			t.Errorf("draining %v: %s, closing %v", draining, res.Status, res.Close)
		}
	}
}
