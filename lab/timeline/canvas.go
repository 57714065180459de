package timeline

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// canvas collects the elements of a picture.
type canvas struct {
	b     strings.Builder
	theme Theme
	// over are texts that lie above everything else, breaks of the axis too.
	over []func()
}

// num writes a coordinate with one digit at most.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10+0, 'f', -1, 64)
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

// put writes an element with attributes in pairs; floats are coordinates.
func (c *canvas) put(name string, pairs ...any) {
	c.b.WriteString("<" + name)
	c.attributes(pairs)
	c.b.WriteString("/>\n")
}

func (c *canvas) attributes(pairs []any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		value := fmt.Sprint(pairs[i+1])
		if f, ok := pairs[i+1].(float64); ok {
			value = num(f)
		}
		fmt.Fprintf(&c.b, " %s=\"%s\"", pairs[i], escape(value))
	}
}

func (c *canvas) rect(x, y, w, h float64, fill string, more ...any) {
	c.put("rect", append([]any{"x", x, "y", y, "width", w, "height", h, "fill", fill}, more...)...)
}

// fill is a rectangle that touches its neighbours without a seam.
func (c *canvas) fill(x, y, w, h float64, fill string, more ...any) {
	c.rect(x, y, w, h, fill, append([]any{"shape-rendering", "crispEdges"}, more...)...)
}

func (c *canvas) line(x1, y1, x2, y2 float64, stroke string, more ...any) {
	c.put("path", append([]any{"d", "M" + num(x1) + " " + num(y1) + "L" + num(x2) + " " + num(y2), "stroke", stroke}, more...)...)
}

// style is how a text looks.
type style struct {
	size   float64
	anchor string // start, middle or end; "" is start
	fill   string
	bold   bool
	// halo keeps a text legible over what lies behind it.
	halo bool
}

func (c *canvas) text(x, y float64, s style, text string) {
	pairs := []any{"x", x, "y", y, "font-size", s.size, "fill", s.fill}
	if s.anchor != "" {
		pairs = append(pairs, "text-anchor", s.anchor)
	}
	if s.bold {
		pairs = append(pairs, "font-weight", 600)
	}
	if s.halo {
		pairs = append(pairs, "stroke", c.theme.Ground, "stroke-width", 3.0, "stroke-linejoin", "round", "paint-order", "stroke")
	}
	c.b.WriteString("<text")
	c.attributes(pairs)
	c.b.WriteString(">" + escape(text) + "</text>\n")
}

// later writes a text after all else.
func (c *canvas) later(x, y float64, s style, text string) {
	c.over = append(c.over, func() { c.text(x, y, s, text) })
}

// plate writes a text in the middle of x on a ground of its own, after all else:
// what it stands on has a pattern.
func (c *canvas) plate(x, y float64, s style, text string) {
	w := widthOf(text, s.size, s.bold)
	c.over = append(c.over, func() {
		c.rect(x-w/2, y-s.size+1, w, s.size+1, c.theme.Ground, "rx", 2.0)
		c.text(x, y, style{size: s.size, anchor: "middle", fill: s.fill, bold: s.bold}, text)
	})
}

// document puts a head around what was collected.
func (c *canvas) document(height float64, title, desc string) []byte {
	for _, write := range c.over {
		write()
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%s" viewBox="0 0 %d %s" role="img" aria-labelledby="t d" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">`+"\n",
		Width, num(height), Width, num(height))
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n", escape(title), escape(desc))
	b.WriteString(c.theme.defs())
	fmt.Fprintf(&b, "<rect width=\"%d\" height=\"%s\" fill=%q/>\n", Width, num(height), c.theme.Ground)
	b.WriteString(c.b.String())
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
