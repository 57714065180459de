package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadPatients(t *testing.T) {
	p, err := ReadPatients(strings.NewReader("age,ca,thal,target\n63,0,6,0\n52.5,,3,1\n40,2,,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`{"data":[[63,0,"6"]],"features":["age","ca","thal"]}`,
		`{"data":[[52.5,null,"3"]],"features":["age","ca","thal"]}`,
		`{"data":[[40,2,null]],"features":["age","ca","thal"]}`,
		`{"data":[[63,0,"6"]],"features":["age","ca","thal"]}`, // counted round
	} {
		got, err := p.Request(i)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("patient %d: %s", i, diff)
		}
	}
}

func TestReadPatientsOfTheProject(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "train", "data", "heart.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := ReadPatients(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rows) != 303 || len(p.Features) != 13 {
		t.Fatalf("%d rows of %d features, want 303 of 13", len(p.Rows), len(p.Features))
	}
	missing := 0
	for _, row := range p.Rows {
		for _, cell := range row {
			if cell == nil {
				missing++
			}
		}
	}
	if missing != 6 {
		t.Errorf("%d missing cells, want 6", missing)
	}
}

func TestReadPatientsErrors(t *testing.T) {
	for input, want := range map[string]string{
		"":                        "no rows",
		"age,target\n":            "no rows",
		"age,sex\n1,2\n":          `last column of the patients is "sex"`,
		"age,target\nold,1\n":     `line 2, age: "old" is not a number`,
		"age,target\n1,2,3\n":     "cannot read the patients",
		"thal,target\nnormal,1\n": "",
	} {
		_, err := ReadPatients(strings.NewReader(input))
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", input, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", input, err, want)
		}
	}
}

// answering is a server that answers like the function does.
func answering(t *testing.T, status int, header, body string) (ingress string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "route.test" || r.URL.Path != "/predict" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("X-Revision", header)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestPredict(t *testing.T) {
	route, err := url.Parse("http://route.test")
	if err != nil {
		t.Fatal(err)
	}
	good := `{"model":"m","version":"1","revision":"r-v1","pod":"p","predictions":[{"label":1,"class":"disease"}]}`
	for name, c := range map[string]struct {
		status       int
		header, body string
		want         string
	}{
		"good":                     {200, "r-v1", good, ""},
		"refused":                  {400, "r-v1", `{"error":"age"}`, "answers 400"},
		"not JSON":                 {200, "r-v1", "hello", "cannot decode"},
		"header and body disagree": {200, "r-v2", good, "X-Revision"},
		"no prediction":            {200, "", `{}`, "0 predictions"},
	} {
		t.Run(name, func(t *testing.T) {
			caller := NewCaller(answering(t, c.status, c.header, c.body))
			defer caller.Close()
			got, err := caller.Predict(t.Context(), route, []byte("{}"))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, %v; want an error with %q", got, err, c.want)
				}
				return
			}
			if err != nil || got.Revision != "r-v1" || got.Pod != "p" || got.Predictions[0].Class != "disease" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestCurl(t *testing.T) {
	route, err := url.Parse("http://v1-x.default.lab.test")
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]int{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ingress string
		body    []byte
		want    string
	}{
		{"10.0.0.1:80", nil, "curl -H 'Host: v1-x.default.lab.test' http://10.0.0.1/p"},
		{"localhost:8080", body, `curl -H 'Host: v1-x.default.lab.test' -H 'Content-Type: application/json' -d '{"a":1}' http://localhost:8080/p`},
		{"", nil, "curl http://v1-x.default.lab.test/p"},
	} {
		if got := curl(c.ingress, route, "/p", c.body); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
