package oip

import "errors"

// A Fault is a mistake of a client: for people a text, for programs what of it
// can be told apart.
type Fault struct {
	Text string // the whole message

	Input       string // the tensor; empty where it is none's
	Feature     string // the column; empty where it is no value's
	Row, Column int    // of the value; -1 where it is no value's
	Expected    string // empty where the text alone says it
	Got         string
}

func (f *Fault) Error() string { return f.Text }

// Unexpected is the fault of something at a place: "PLACE: expected …, got …".
func Unexpected(place, expected, got string) *Fault {
	text := "expected " + expected + ", got " + got
	if place != "" {
		text = place + ": " + text
	}
	return &Fault{Text: text, Row: -1, Column: -1, Expected: expected, Got: got}
}

// of names the tensor that a fault is about, where it does not say so itself.
func of(name string, err error) error {
	var f *Fault
	if errors.As(err, &f) && f.Input == "" {
		f.Input = name
	}
	return err
}
