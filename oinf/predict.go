package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"online-inference/function/artefact"
	"online-inference/oinf/predict"
	"online-inference/oinf/progress"
	"online-inference/oinf/rows"
)

const predictHelp = `
oinf predict MODEL [ROWS]: score the rows of a file

MODEL is a model file (ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON),
or a folder with one and a model.yaml. ROWS is a CSV file with a header or a
file of JSON lines (an object or an array each), plain or gzip; - or nothing is
standard input. Columns are found by name; oinf inspect lists them.

Examples
  oinf predict model.onnx rows.csv
  oinf predict model.json rows.csv -keep -o scored.csv
  oinf predict models/churn rows.jsonl.gz -skip-bad -rejects bad.jsonl -o scored.jsonl
  some-query | oinf predict model.ubj -missing NA,-999 | head

Exit codes: 0 done; 1 a bad row, or a file that cannot be read or written;
2 wrong arguments, or a model that cannot be used; 130 interrupted, 143 terminated.
`

// defaultMissing are the words that pandas, R and databases write.
const defaultMissing = "NA,N/A,NaN,null,None"

// predictFlags are the flags of the verb.
type predictFlags struct {
	format, delimiter, columns, missing, out, outFormat, rejects string
	noHeader, byPosition, keep, skipBad, quiet                   bool
}

func (f *predictFlags) set() *flag.FlagSet {
	s := flag.NewFlagSet("predict", flag.ContinueOnError)
	s.StringVar(&f.format, "format", "auto", "`FORMAT` of ROWS: csv or jsonl; auto tells by name and content")
	s.StringVar(&f.delimiter, "delimiter", "", "`CHAR` between the cells of CSV: ',' unless the file is a .tsv; tab may be said")
	s.BoolVar(&f.noHeader, "no-header", false, "the first line of CSV is a row: columns are in the model's order")
	s.BoolVar(&f.byPosition, "by-position", false, "take columns of CSV in the model's order, whatever their names")
	s.StringVar(&f.columns, "columns", "", "`NAMES` of the features in ROWS, in the model's order: for models that do not\nname their columns")
	s.StringVar(&f.missing, "missing", defaultMissing, "`WORDS` that stand for a missing value in CSV, beside the empty cell;\ncapitals do not count")
	s.StringVar(&f.out, "o", "", "write to `FILE`, which is there when all is done; .gz compresses it")
	s.StringVar(&f.outFormat, "out-format", "", "`FORMAT` of the answers: csv or jsonl; else by the name of -o, else that of ROWS")
	s.BoolVar(&f.keep, "keep", false, "keep the input's columns before the answers")
	s.BoolVar(&f.skipBad, "skip-bad", false, "leave bad rows out, and list them at the end")
	s.StringVar(&f.rejects, "rejects", "", "with -skip-bad: write the bad rows, as they stand, to `FILE`")
	s.BoolVar(&f.quiet, "quiet", false, "no progress and no notes")
	return s
}

func predictVerb(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	var f predictFlags
	rest, err := parse(f.set(), predictHelp, args, stdout, 1, 2)
	if err != nil {
		return err
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	m, err := loadModel(rest[0])
	if err != nil {
		return err
	}
	ctx, stop := graceful(ctx)
	defer stop()
	path := "-"
	if len(rest) == 2 {
		path = rest[1]
	}
	in, err := openInput(ctx, path, stdin)
	if err != nil {
		return err
	}
	name := path
	if path == "-" {
		name = "standard input"
	}
	defer in.close()
	if n := len(o.Columns); n > 0 && n != m.Len() {
		return usageError(fmt.Sprintf("-columns: expected %d names, one for each feature of the model, got %d", m.Len(), n))
	}
	meter := progress.New(in.size)
	o.Model, o.Scored = m, &meter.Rows
	if o.Rows, err = rows.Open(in.counted(&meter.Bytes), path, f.parsedFormat(), f.parsedDelimiter()); err != nil {
		return readingError(ctx, name, err)
	}
	if err := f.check(&o); err != nil {
		return err
	}
	out, err := f.openOutput(in, stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close(err == nil)) }()
	rejects, err := f.openRejects(in)
	if err != nil {
		return err
	}
	// The rejects are complete for as far as the run came, whatever ends it.
	defer func() { err = errors.Join(err, rejects.close(true)) }()
	o.Out = out
	if rejects.file != nil {
		o.Rejects = rejects
	}
	meter.Show(f.style(stdout, stderr))
	sum, err := predict.Run(ctx, o)
	shown := meter.Stop()
	f.report(stderr, name, sum, err)
	if shown && err == nil {
		fmt.Fprintln(stderr, meter.Summary())
	}
	return readingError(ctx, name, err)
}

// loadModel brings a model to the point where its examples are proven.
func loadModel(path string) (*artefact.Model, error) {
	m, err := artefact.Load(path, artefact.Labels{})
	if err == nil {
		_, err = m.SelfTest()
	}
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return m, nil
}

// readingError names the file before what went wrong with its rows.
func readingError(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return signalled(ctx, fmt.Errorf("interrupted: %w", ctx.Err()))
	}
	var bad *predict.RowError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s, %w (-skip-bad leaves such rows out)", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// options are those that the flags alone decide.
func (f *predictFlags) options() (predict.Options, error) {
	o := predict.Options{
		NoHeader: f.noHeader, ByPosition: f.byPosition, Keep: f.keep, SkipBad: f.skipBad, Workers: runtime.GOMAXPROCS(0),
	}
	for _, word := range strings.Split(f.missing, ",") {
		if word = strings.TrimSpace(word); word != "" {
			o.Missing = append(o.Missing, word)
		}
	}
	if f.columns != "" {
		for _, name := range strings.Split(f.columns, ",") {
			o.Columns = append(o.Columns, strings.TrimSpace(name))
		}
	}
	if f.columns != "" && (f.noHeader || f.byPosition) {
		return o, usageError("-columns finds columns by name, -no-header and -by-position do not")
	}
	if _, err := rows.ParseFormat(f.format); err != nil {
		return o, usageError("-format: " + err.Error())
	}
	if f.delimiter != "" && f.parsedDelimiter() == 0 {
		return o, usageError(fmt.Sprintf("-delimiter: expected one character, or tab, got %q", f.delimiter))
	}
	if f.rejects != "" && !f.skipBad {
		return o, usageError("-rejects belongs to -skip-bad")
	}
	switch f.outFormat {
	case "":
		o.Format, _ = rows.FormatOf(f.out)
	case "auto":
		return o, usageError("-out-format: expected csv or jsonl")
	default:
		var err error
		if o.Format, err = rows.ParseFormat(f.outFormat); err != nil {
			return o, usageError("-out-format: " + err.Error())
		}
	}
	return o, nil
}

func (f *predictFlags) parsedFormat() rows.Format {
	format, err := rows.ParseFormat(f.format)
	if err != nil { // options has refused it
		return rows.Auto
	}
	return format
}

// parsedDelimiter is 0 where there is none.
func (f *predictFlags) parsedDelimiter() byte {
	switch f.delimiter {
	case "tab", `\t`:
		return '\t'
	}
	if len(f.delimiter) != 1 || strings.ContainsAny(f.delimiter, "\"\r\n\x00") {
		return 0
	}
	return f.delimiter[0]
}

// check holds the flags against the format of the rows, and fills in that of the
// answers.
func (f *predictFlags) check(o *predict.Options) error {
	if o.Rows.Format == rows.JSONLines && (f.noHeader || f.byPosition || f.delimiter != "") {
		return usageError("-no-header, -by-position and -delimiter belong to CSV, and the rows are JSON lines")
	}
	if o.Format == rows.Auto {
		o.Format = o.Rows.Format
	}
	return nil
}

// style says how progress is shown: not at all where the answers go to the same
// terminal.
func (f *predictFlags) style(stdout, stderr io.Writer) progress.Style {
	switch {
	case f.quiet, f.out == "" && isTerminal(stdout):
		return progress.Style{}
	case !isTerminal(stderr):
		return progress.Lines(stderr)
	}
	return progress.Bar(stderr, func() int { return widthOf(stderr) })
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func widthOf(stream io.Writer) int {
	if f, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// listed bounds the bad rows that are listed on standard error.
const listed = 100

// report says what a reader of the answers has to know and cannot see in them.
func (f *predictFlags) report(stderr io.Writer, name string, sum predict.Summary, err error) {
	if !f.quiet {
		if len(sum.Ignored) > 0 && !f.keep {
			fmt.Fprintf(stderr, "oinf: note: columns that the model does not take: %s\n", clipped(sum.Ignored))
		}
		for _, o := range sum.Outside {
			fmt.Fprintf(stderr, "oinf: note: column %q: %s outside the training range %s, the first in line %d\n", o.Feature, counted(o.Rows, "value"), o.Range, o.Line)
		}
	}
	if sum.Bad == 0 {
		return
	}
	for i := range sum.First[:min(len(sum.First), listed)] {
		fmt.Fprintf(stderr, "oinf: %s, %s\n", name, sum.First[i].Error())
	}
	if more := sum.Bad - listed; more > 0 {
		fmt.Fprintf(stderr, "oinf: and %d more\n", more)
	}
	where := "-rejects FILE keeps them"
	if f.rejects != "" {
		where = "they are in " + f.rejects
	}
	if err == nil || errors.Is(err, predict.ErrAllBad) {
		fmt.Fprintf(stderr, "oinf: %s scored, %d left out (%s)\n", counted(sum.Rows, "row"), sum.Bad, where)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// clipped lists names for people: the first of many.
func clipped(names []string) string {
	const most = 10
	quoted := make([]string, min(len(names), most))
	for i := range quoted {
		quoted[i] = fmt.Sprintf("%q", names[i])
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
