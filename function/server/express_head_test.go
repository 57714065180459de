package server

import (
	"strings"
	"testing"
)

// TestExpressHead: whatever two readers of a head have ever understood in two ways is
// not for the lane.
func TestExpressHead(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		ok      bool
	}{
		"01":          {strings.Replace(wire("/predict", row, ""), "Content-Length: ", "Content-Length: 0", 1), true},
		"+":           {strings.Replace(wire("/predict", row, ""), "Content-Length: ", "Content-Length: +", 1), false},
		"list":        {strings.Replace(wire("/predict", "{}", ""), "Content-Length: 2", "Content-Length: 2, 2", 1), false},
		"two":         {wire("/predict", "{}", "content-length: 2\r\n"), false},
		"fold":        {wire("/predict", "{}", "X-A: a\r\n b\r\n"), false},
		"fold colon":  {wire("/predict", "{}", "X-A: a\r\n X-B: b\r\n"), false},
		"tab fold":    {wire("/predict", "{}", "X-A: a\r\n\tX-B: b\r\n"), false},
		"space colon": {wire("/predict", "{}", "Content-Length : 7\r\n"), false},
		"X space":     {wire("/predict", "{}", "X-A : 7\r\n"), false},
		"bare CR":     {wire("/predict", "{}", "X-A: 7\rContent-Length: 9\r\n"), false},
		"NUL":         {wire("/predict", "{}", "X-A: 7\x00\r\n"), false},
		"DEL":         {wire("/predict", "{}", "X-A: 7\x7f\r\n"), false},
		"TE":          {wire("/predict", "{}", "Transfer-Encoding: identity\r\n"), false},
		"close":       {wire("/predict", "{}", "Connection: close\r\n"), false},
		"list close":  {wire("/predict", "{}", "Connection: keep-alive, close\r\n"), false},
		"two conn":    {wire("/predict", "{}", "Connection: keep-alive\r\nConnection: close\r\n"), false},
		"upgrade":     {wire("/predict", "{}", "Upgrade: h2c\r\n"), false},
		"1.0":         {strings.Replace(wire("/predict", "{}", ""), "1.1", "1.0", 1), false},
		"2 spaces":    {strings.Replace(wire("/predict", "{}", ""), "POST ", "POST  ", 1), false},
		"absolute":    {strings.Replace(wire("/predict", "{}", ""), "/predict", "http://x/predict", 1), false},
		"fragment":    {wire("/predict#", "{}", ""), false},
		"semicolon":   {wire("/predict;a", "{}", ""), false},
		"no host":     {strings.Replace(wire("/predict", "{}", ""), "Host: x:80\r\n", "", 1), false},
		"host list":   {strings.Replace(wire("/predict", "{}", ""), "x:80", "x, y", 1), false},
		"two hosts":   {wire("/predict", "{}", "Host: x\r\n"), false},
		"longer":      {wire("/predict", "{}", "") + "G", false},
		"shorter":     {strings.TrimSuffix(wire("/predict", "{}", ""), "}"), false},
		"crlf after":  {wire("/predict", "{}", "") + "\r\n", false},
		"crlf before": {"\r\n" + wire("/predict", "{}", ""), false},
		"trailer":     {wire("/predict", "{}", "Trailer: X-A\r\n"), false},
		"TE header":   {wire("/predict", "{}", "TE: trailers\r\n"), false},
		"override":    {wire("/predict", "{}", "X-HTTP-Method-Override: DELETE\r\n"), true},
		"keepalive":   {wire("/predict", "{}", "Keep-Alive: 5\r\n"), false},
		"type param":  {wire("/predict", "{}", "Content-Type: application/json;charset=utf-16\r\n"), true},
		"type space":  {wire("/predict", "{}", "Content-Type: application/json ; a\r\n"), false},
		"type list":   {wire("/predict", "{}", "Content-Type: application/json, text/html\r\n"), false},
		"empty type":  {wire("/predict", "{}", "Content-Type:\r\n"), false},
		"kelvin":      {wire("/predict", "{}", "coo\u212Aie: a\r\n"), false},
		"long s":      {wire("/predict", "{}", "Hoſt: a\r\n"), false},
		"empty name":  {wire("/predict", "{}", ": a\r\n"), false},
		"header len":  {wire("/predict", "{}", "X-A: b\r\nInference-Header-Content-Length: 2\r\n"), false},
	} {
		if _, ok := parseHead([]byte(c.request)); ok != c.ok {
			t.Errorf("%s: taken %v, expected %v:\n%q", name, ok, c.ok, c.request)
		}
	}
}
