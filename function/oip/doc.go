// Package oip speaks the Open Inference Protocol, version 2, over JSON: it reads
// requests with a strict scanner, and writes answers. It knows neither models
// nor HTTP: what it reads are cells, pieces of the request's own bytes that
// whoever knows the model's features checks and converts.
//
// The strictness is the point. encoding/json matches names whatever their case,
// keeps the last of duplicate names, reads every number as a float64 and cannot
// write NaN; each of these turns a client's mistake into a wrong answer.
package oip
