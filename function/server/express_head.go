package server

import (
	"bytes"
	"strings"
)

// An expressHead is what the express lane reads of a request.
type expressHead struct {
	path, id []byte // id is the client's for the request; nil without one
	body     []byte
}

// parseHead reads a request that is there from its first to its last byte. It is
// false for everything that is not known to have no further meaning: it is stricter
// than the standard, and never right where net/http is not.
func parseHead(p []byte) (h expressHead, ok bool) {
	line, rest, ok := cutLine(p)
	if !ok || !bytes.HasPrefix(line, []byte("POST /")) || !bytes.HasSuffix(line, []byte(" HTTP/1.1")) {
		return h, false
	}
	h.path = line[len("POST ") : len(line)-len(" HTTP/1.1")]
	for _, c := range h.path {
		if !plainByte(c) && c != '/' && c != ':' && c != '_' {
			return h, false
		}
	}
	length, seen := -1, uint(0)
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return h, false
		}
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return h, false
		}
		value := bytes.Trim(line[colon+1:], " \t")
		if !printable(value) {
			return h, false
		}
		var (
			once uint // the bit of a header that may come once only
			fits bool
		)
		switch name := line[:colon]; {
		case is(name, "Host"):
			once, fits = 1, hostLike(value)
		case is(name, "Content-Length"):
			once = 2
			length, fits = number(value)
		case is(name, "Content-Type"):
			once = 4
			base, _, _ := bytes.Cut(value, []byte(";"))
			fits = is(base, jsonType)
		case is(name, "X-Request-Id"):
			once, fits = 8, true
			h.id = value
		case is(name, "Connection"):
			once, fits = 16, is(value, "keep-alive")
		default:
			fits = harmless(name)
		}
		if !fits || seen&once != 0 {
			return h, false
		}
		seen |= once
	}
	h.body = rest
	return h, seen&3 == 3 && length == len(rest) && length > 0
}

// cutLine cuts a line that ends as the standard says.
func cutLine(p []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(p, '\n')
	if end < 1 || p[end-1] != '\r' {
		return nil, nil, false
	}
	return p[:end-1], p[end+1:], true
}

// is compares a name of a header, in any case of letters.
func is(name []byte, key string) bool {
	return len(name) == len(key) && (string(name) == key || strings.EqualFold(string(name), key))
}

// known are headers that the server never reads but for traces.
var known = [...]string{
	"User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Cookie",
	"Forwarded", "K-Proxy-Request", "Origin", "Pragma", "Referer", "Traceparent", "Tracestate", "Via",
}

// harmless tells whether a header means nothing to the server.
func harmless(name []byte) bool {
	for _, k := range known {
		if is(name, k) {
			return true
		}
	}
	// Proxies' own.
	if len(name) < 3 || !is(name[:2], "X-") {
		return false
	}
	for _, c := range name {
		if !plainByte(c) || c == '.' {
			return false
		}
	}
	return true
}

// printable tells whether a value holds nothing but ASCII that can be seen, and
// blanks.
func printable(value []byte) bool {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// plainByte tells whether a byte is a letter, a digit, '-' or '.'.
func plainByte(c byte) bool {
	letter := c | 0x20
	return 'a' <= letter && letter <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}

// hostLike tells whether a value is a plain name or address, with its port or not.
func hostLike(value []byte) bool {
	for _, c := range value {
		if !plainByte(c) && c != ':' {
			return false
		}
	}
	return len(value) > 0
}

// number reads a length of a few digits.
func number(value []byte) (n int, ok bool) {
	if len(value) == 0 || len(value) > 4 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}
