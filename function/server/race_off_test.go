//go:build !race

package server

// poolsKeep is false where sync.Pool drops at random what it is given.
const poolsKeep = true
