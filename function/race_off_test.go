//go:build !race

package main

// buildFlags are further flags of the program under test.
var buildFlags []string

// raceEnviron is further environment of the program under test.
var raceEnviron []string
