package grpc

import (
	"net/http"
	"time"
)

// What the health service says.
const (
	serving        = 1
	notServing     = 2
	serviceUnknown = 3
)

// look is how often the readiness that a client watches is looked at.
const look = 100 * time.Millisecond

// serves tells the health of a service by its name; known is false for one that
// this server does not have. The server as a whole has no name.
func (h *Handler) serves(service string) (status uint64, known bool, err error) {
	if service != "" && service != serviceName(inference) {
		return serviceUnknown, false, nil
	}
	ready, err := h.isReady("", "")
	if ready {
		return serving, true, err
	}
	return notServing, true, err
}

// serviceName is the service of a path's beginning.
func serviceName(prefix string) string { return prefix[1 : len(prefix)-1] }

// check answers a probe.
func (h *Handler) check(c *Call) error {
	service, _, err := h.named(c)
	if err != nil {
		return err
	}
	status, known, err := h.serves(service)
	switch {
	case err != nil:
		return err
	case !known:
		return errorf(NotFound, "service %s not found: this server has %s", quote(service), quote(serviceName(inference)))
	}
	return c.answer(func(dst []byte) []byte { return appendUint(dst, 1, status) })
}

// watch answers at once and at every change, until the client leaves or the server
// ends. That end is no error: the last word was NOT_SERVING.
func (h *Handler) watch(c *Call) error {
	service, _, err := h.named(c)
	if err != nil {
		return err
	}
	if err := c.unbounded(); err != nil {
		return err
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	last, ending := uint64(0), false
	for {
		status, _, err := h.serves(service)
		if err != nil {
			return err
		}
		if status != last {
			last = status
			if err := c.answer(func(dst []byte) []byte { return appendUint(dst, 1, status) }); err != nil {
				return err
			}
			if err := http.NewResponseController(c.w).Flush(); err != nil {
				return &Status{Canceled, "the client has left"}
			}
		}
		if ending {
			return nil
		}
		select {
		case <-c.Context.Done():
			return h.ended(c, c.Context.Err())
		case <-h.ending: // the drain has begun: a last look sees it
			ending = true
		case <-tick.C:
		}
	}
}

// unbounded takes the HTTP server's time limits off a call that may go on for good.
func (c *Call) unbounded() error {
	control := http.NewResponseController(c.w)
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return control.SetWriteDeadline(time.Time{})
}
