package server

import (
	"net/http"
	"sync/atomic"
)

// A budget bounds the memory of all bodies that are in the server at one time, so
// that many clients who send slowly cannot fill it together.
type budget struct {
	limit int64
	used  atomic.Int64
}

// The budget is a few bodies of the largest size, and at least what leaves a pod of
// 256 MiB room for the garbage of a collection: 100 bodies of 2 MiB that stop
// before their last byte make a process of 107 MB.
const (
	bodiesAtOnce = 4
	leastBudget  = 64 << 20
)

// freeBytes of a body are not counted: small requests are answered whatever large
// ones others send.
const freeBytes = 64 << 10

var errBusy = refuse(http.StatusServiceUnavailable, "too many large requests at the same time: send this one again later")

// take asks for n bytes; they have to be given back.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// reserve makes room for a body of n bytes in all.
func (s *Server) reserve(w *work, n int64) error {
	if n = max(n, int64(cap(w.body))); n > freeBytes && n > w.held {
		if !s.bodies.take(n - w.held) {
			return errBusy
		}
		w.held = n
	}
	if n > int64(cap(w.body)) {
		w.body = append(make([]byte, 0, n), w.body...)
	}
	return nil
}

// room is the next size of a buffer that holds so many bytes and is full. What a
// client announces is believed only in part: the rest has to come first.
func room(have, announced, limit int64) int64 {
	n := 2 * have
	switch {
	case have == 0:
		n = freeBytes
	case have < keepBytes:
		n = min(16*have, keepBytes)
	}
	if announced >= 0 {
		// One byte more than announced, so that the read after the last sees the end.
		n = min(n, announced+1)
	} else if have == 0 {
		n = 512
	}
	return max(min(n, limit+1), have+1)
}
