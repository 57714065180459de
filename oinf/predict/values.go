package predict

import (
	"bytes"
	"unicode/utf8"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/oinf/rows"
)

// value says what a cell is in the terms in which every value is judged, those of
// the server. got is empty, or what to say of a cell in place of its text.
func (t *task) value(f *artefact.Feature, c *rows.Cell) (kind oip.Kind, text []byte, got string) {
	switch c.Kind {
	case rows.Null:
		return oip.Null, c.Text, ""
	case rows.Bool:
		return oip.Bool, c.Text, ""
	case rows.Number:
		return oip.Number, c.Text, ""
	case rows.String:
		return oip.String, c.Text, ""
	case rows.Nested:
		if c.Text[0] == '{' {
			return oip.Object, nil, ""
		}
		return oip.Array, nil, ""
	}
	return t.csvValue(f, c)
}

// csvValue reads a cell of CSV, which does not say what it is: the feature does.
func (t *task) csvValue(f *artefact.Feature, c *rows.Cell) (kind oip.Kind, text []byte, got string) {
	trimmed := bytes.TrimSpace(c.Text)
	if f.Storage == engine.String {
		return t.csvText(f, c, trimmed)
	}
	switch {
	case len(trimmed) == 0:
		return oip.Null, trimmed, "an empty cell"
	case t.missingNumber && t.isMissing(trimmed):
		return missing(trimmed)
	case isNumber(trimmed):
		if f.Storage == engine.Bool {
			return boolean(trimmed)
		}
		return oip.Number, trimmed, ""
	case t.isMissing(trimmed):
		return missing(trimmed)
	case f.Storage == engine.Bool:
		return boolean(trimmed)
	case isInfinity(trimmed):
		return oip.Number, trimmed, ""
	}
	return oip.String, c.Text, ""
}

func missing(word []byte) (kind oip.Kind, text []byte, got string) {
	return oip.Null, word, oip.Describe(oip.String, word) + ", which stands for a missing value"
}

// csvText reads a cell of a column of texts. An empty one is the empty text where
// the feature cannot be missing: CSV has no other way to write that.
func (t *task) csvText(f *artefact.Feature, c *rows.Cell, trimmed []byte) (kind oip.Kind, text []byte, got string) {
	switch {
	case len(c.Text) == 0 && f.Nullable:
		return oip.Null, c.Text, ""
	case t.isMissing(trimmed) && !isCategory(f, c.Text):
		return oip.Null, c.Text, oip.Describe(oip.String, c.Text) + ", which stands for a missing value (leave the cell empty, or say -missing '' to take it as a text)"
	case !utf8.Valid(c.Text):
		return oip.Null, c.Text, oip.Describe(oip.String, c.Text) + ", which is not UTF-8"
	}
	return oip.String, c.Text, ""
}

func isCategory(f *artefact.Feature, text []byte) bool {
	for i := range f.Categories {
		if f.Categories[i].Value == string(text) {
			return true
		}
	}
	return false
}

// longestWord bounds the words for missing values, in bytes: longer cells are not
// looked up.
const longestWord = 32

func (t *task) isMissing(word []byte) bool {
	if len(word) == 0 || len(word) > longestWord {
		return false
	}
	var lower [longestWord]byte
	for i, c := range word {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return t.missing[string(lower[:len(word)])]
}

// boolean reads the ways in which programs write true and false.
func boolean(text []byte) (kind oip.Kind, canonical []byte, got string) {
	switch string(bytes.ToLower(text)) {
	case "true", "1", "1.0":
		return oip.Bool, []byte("true"), ""
	case "false", "0", "0.0":
		return oip.Bool, []byte("false"), ""
	}
	return oip.String, text, ""
}

// isInfinity knows the words that programs write for infinities.
func isInfinity(text []byte) bool {
	switch string(bytes.ToLower(bytes.TrimLeft(text[:1], "+-"))) + string(bytes.ToLower(text[1:])) {
	case "inf", "infinity":
		return true
	}
	return false
}

// isNumber tells a decimal number, with a sign, a point and an exponent, from
// every other text: what programs write, JSON's numbers among them.
func isNumber(text []byte) bool {
	i := 0
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		i++
	}
	digits := 0
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		digits++
	}
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && text[i]-'0' <= 9; i++ {
			digits++
		}
	}
	if digits == 0 {
		return false
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		start := i
		for i < len(text) && text[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return false
		}
	}
	return i == len(text)
}
