package artefact

import (
	"errors"
	"fmt"
	"sync/atomic"

	"online-inference/function/oip"
)

// The reasons for which a store has no model to give.
var (
	ErrLoading = errors.New("the model is not loaded yet")
	ErrUnknown = errors.New("not found")
)

// A Store holds one model, from the moment that it is loaded and proven. Its zero
// value holds none yet.
type Store struct{ model atomic.Pointer[Model] }

// Put makes a model available.
func (s *Store) Put(m *Model) { s.model.Store(m) }

// Find returns the model of that name and version; an empty name or version
// stands for the one that is there. The error is ErrLoading, or an ErrUnknown.
func (s *Store) Find(name, version string) (*Model, error) {
	m := s.model.Load()
	switch {
	case m == nil:
		return nil, ErrLoading
	case name != "" && name != m.Name:
		return nil, fmt.Errorf("model %s %w: this server has %q", quoted(name), ErrUnknown, m.Name)
	case version != "" && version != m.Version:
		return nil, fmt.Errorf("version %s of model %q %w: this server has %q", quoted(version), m.Name, ErrUnknown, m.Version)
	}
	return m, nil
}

// quoted writes a client's word into a message, clipped.
func quoted(word string) string { return oip.Describe(oip.String, []byte(word)) }
