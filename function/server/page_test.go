package server

import (
	"encoding/json"
	"strings"
	"testing"

	"online-inference/function/artefact"
	"online-inference/function/page"
)

// TestIndex: browsers get the page, programs get JSON.
func TestIndex(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	for accept, html := range map[string]bool{
		"": false, "*/*": false, "application/json": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
	} {
		header := []string{"X-Forwarded-Proto", "https"}
		if accept != "" {
			header = append(header, "Accept", accept)
		}
		res, body := ask(t, "GET", url+"/", "", header...)
		if res.Status != 200 || res.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: %d %v", accept, res.Status, res.Header)
		}
		if !html {
			var x index
			if err := json.Unmarshal([]byte(body), &x); err != nil || !x.Ready || x.Model != "heart-disease" || len(x.Endpoints) < 5 {
				t.Errorf("%q: %s, %v", accept, body, err)
			}
			continue
		}
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "curl https://127.0.0.1") {
			t.Errorf("%q: %v %s", accept, res.Header, body)
		}
		if csp := res.Header.Get("Content-Security-Policy"); csp != page.SecurityPolicy || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("Content-Security-Policy: %q", csp)
		}
	}
	for path, want := range map[string]string{"/assets/style.css": "text/css; charset=utf-8", "/assets/app.js": "text/javascript; charset=utf-8"} {
		if res, body := ask(t, "GET", url+path, ""); res.Status != 200 || res.Header.Get("Content-Type") != want || body == "" {
			t.Errorf("%s: %d %v", path, res.Status, res.Header)
		}
	}
}

// TestIndexWhileLoading: a program learns that the server lives, a person that it
// is not ready.
func TestIndexWhileLoading(t *testing.T) {
	url, _, _ := serve(t, &artefact.Store{}, nil)
	if res, body := ask(t, "GET", url+"/", ""); res.Status != 200 || !strings.Contains(body, `"ready":false`) {
		t.Errorf("%d %s", res.Status, body)
	}
	if res, body := ask(t, "GET", url+"/", "", "Accept", "text/html"); res.Status != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", res.Status, body)
	}
}
