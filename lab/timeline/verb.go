package timeline

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// Main draws recorded runs: `[-o FOLDER] FILE...`. The files of one family share
// their axis. It writes NAME.svg and NAME-dark.svg and names them on out.
func Main(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("timeline", flag.ContinueOnError)
	flags.SetOutput(out)
	folder := flags.String("o", ".", "folder to write to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no file is given: want [-o FOLDER] and files")
	}
	type drawn struct {
		name string
		Picture
	}
	var all []drawn
	families := map[string][]*record.Run{}
	for _, file := range flags.Args() {
		run, err := record.Open(file)
		if err != nil {
			return err
		}
		numbers, err := figures.Of(run)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		h := run.Header
		families[h.Family] = append(families[h.Family], run)
		name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".jsonl"), ".events")
		all = append(all, drawn{name, Picture{Title: h.Experiment, Conclusion: fmt.Sprintf("Run %d, %s.", h.Run, h.Started), Run: run, Figures: numbers}})
	}
	for _, p := range all {
		p.Axis = NewAxis(families[p.Run.Header.Family]...)
		for suffix, theme := range map[string]Theme{"": Light(), "-dark": Dark()} {
			name := filepath.Join(*folder, p.name+suffix+".svg")
			if err := os.WriteFile(name, Draw(p.Picture, theme), 0o644); err != nil {
				return fmt.Errorf("cannot write the picture: %w", err)
			}
		}
		fmt.Fprintf(out, "%s.svg, %s-dark.svg\n", filepath.Join(*folder, p.name), p.name)
	}
	return nil
}
