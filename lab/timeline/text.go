package timeline

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Sizes of text in px; none is under 11.
const (
	sizeTitle = 17.0
	sizeLead  = 13.0
	sizeText  = 12.0
	sizeSmall = 11.0
)

// widthOf bounds a text's width in px. The classes are those of DejaVu Sans,
// which is wider than the other fonts that readers may have.
func widthOf(text string, size float64, bold bool) float64 {
	w := 0.0
	for _, r := range text {
		switch {
		case strings.ContainsRune("ijlI|", r):
			w += 0.29
		case strings.ContainsRune("fr.,:;'! /-()[]\u00a0", r):
			w += 0.38
		case strings.ContainsRune("t\"", r):
			w += 0.42
		case strings.ContainsRune("mMWOQ%@&<>=+×", r):
			w += 0.95
		case r == 'w' || r >= 'A' && r <= 'Z':
			w += 0.78
		default:
			w += 0.64
		}
	}
	if bold {
		w *= 1.12
	}
	return w * size
}

// wrap breaks a text into lines of at most width px, at most so many; what does
// not fit ends in an ellipsis.
func wrap(text string, size, width float64, most int) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		next := strings.TrimSpace(line + " " + word)
		if line != "" && widthOf(next, size, false) > width {
			lines = append(lines, line)
			next = word
		}
		line = next
	}
	if line != "" {
		lines = append(lines, line)
	}
	if len(lines) > most {
		lines[most-1] = strings.Join(lines[most-1:], " ")
		lines = lines[:most]
	}
	for i := range lines {
		lines[i] = shorten(lines[i], size, width, false)
	}
	return lines
}

// shorten cuts a text to width px.
func shorten(text string, size, width float64, bold bool) string {
	if widthOf(text, size, bold) <= width {
		return text
	}
	for len(text) > 0 && widthOf(text+"…", size, bold) > width {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return strings.TrimRight(text, " ") + "…"
}

// Thousands writes a count with commas.
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Seconds writes a duration with a digit where it is short.
func Seconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return "–"
	case s >= 99.95:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.1f s", s)
}

// Percent writes a share with what is worth reading of it; the space does not
// break.
func Percent(share float64) string {
	p := 100 * share
	switch {
	case p >= 9.95 || p == 0:
		return fmt.Sprintf("%.0f\u00a0%%", p)
	case p >= 0.95:
		return fmt.Sprintf("%.1f\u00a0%%", p)
	}
	return fmt.Sprintf("%.2g\u00a0%%", p)
}
