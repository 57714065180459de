package conform

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// rewire changes the bytes of a body by one line of the table. jsonLen is the
// length of the JSON part.
func rewire(body []byte, jsonLen int, line string) ([]byte, error) {
	op, arg, _ := strings.Cut(line, " ")
	switch op {
	case "pad":
		var b bytes.Buffer
		if err := json.Indent(&b, body, " \t", "\r\n "); err != nil {
			return nil, err
		}
		return []byte(" \r\n\t" + b.String() + "\n \t\r\n"), nil
	case "escape-names":
		for _, name := range []string{"inputs", "name", "shape", "datatype", "data"} {
			body = bytes.ReplaceAll(body, []byte(quote(name)+":"), []byte(escapeName(name)+":"))
		}
		return body, nil
	case "cut":
		n, err := strconv.Atoi(arg)
		return body[:max(len(body)-n, 0)], err
	case "json-only":
		return body[:jsonLen], nil
	case "prefix", "suffix":
		var s string
		if err := json.Unmarshal([]byte(arg), &s); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		if op == "prefix" {
			return append([]byte(s), body...), nil
		}
		return append(bytes.Clone(body), s...), nil
	case "replace": // the last one
		from, to, _ := strings.Cut(arg, " => ")
		var a, b string
		if err := json.Unmarshal([]byte(from), &a); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		if err := json.Unmarshal([]byte(to), &b); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		i := bytes.LastIndex(body, []byte(a))
		if i < 0 {
			return nil, fmt.Errorf("%s: not in the request", line)
		}
		return []byte(string(body[:i]) + b + string(body[i+len(a):])), nil
	case "broken-utf8":
		return bytes.Replace(body, []byte(`"name":"`), []byte("\"name\":\"\xff\xc0"), 1), nil
	case "utf16":
		out := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(string(body))) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out, nil
	case "bom":
		return append([]byte("\ufeff"), body...), nil
	case "gzip":
		return pack(body)
	}
	return nil, fmt.Errorf("wire %q: unknown operation", line)
}

func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
