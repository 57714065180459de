package grpc

// A Server says what server this is.
type Server struct {
	Name, Version string
	Extensions    []string
}

// Metadata describe a model.
type Metadata struct {
	Name, Platform  string
	Versions        []string
	Inputs, Outputs []Tensor
	Properties      []Parameter
}

// A Tensor describes an input or output of a model; −1 is a free dimension.
type Tensor struct {
	Name, Datatype string
	Shape          []int
}

// nothing reads the message of a call whose request has no fields of ours.
func (h *Handler) nothing(c *Call) error {
	message, err := h.receive(c)
	if err != nil {
		return err
	}
	if err := fields(message, func(field) error { return nil }); err != nil {
		return unreadable(err)
	}
	return nil
}

// named reads the message of a call that names a model: the fields 1 and 2.
func (h *Handler) named(c *Call) (name, version string, err error) {
	message, err := h.receive(c)
	if err != nil {
		return "", "", err
	}
	err = fields(message, func(fd field) (err error) {
		switch fd.number {
		case 1:
			name, err = fd.text()
		case 2:
			version, err = fd.text()
		}
		return err
	})
	if err != nil {
		return "", "", unreadable(err)
	}
	return name, version, nil
}

// serverLive says that the process works.
func (h *Handler) serverLive(c *Call) error {
	if err := h.nothing(c); err != nil {
		return err
	}
	return c.answer(func(dst []byte) []byte { return appendBool(dst, 1, true) })
}

// isReady turns what a Backend says of readiness into an answer: not to be ready is
// one, and no error.
func (h *Handler) isReady(name, version string) (bool, error) {
	err := h.opt.Backend.Ready(name, version)
	if err != nil && statusOf(err).Code == Unavailable {
		return false, nil
	}
	return err == nil, err
}

func (h *Handler) serverReady(c *Call) error {
	if err := h.nothing(c); err != nil {
		return err
	}
	return h.ready(c, "", "")
}

func (h *Handler) modelReady(c *Call) error {
	name, version, err := h.named(c)
	if err != nil {
		return err
	}
	if name == "" {
		return errorf(InvalidArgument, `"name" is missing: expected the name of a model`)
	}
	return h.ready(c, name, version)
}

func (h *Handler) ready(c *Call, name, version string) error {
	ready, err := h.isReady(name, version)
	if err != nil {
		return err
	}
	return c.answer(func(dst []byte) []byte { return appendBool(dst, 1, ready) })
}

func (h *Handler) serverMetadata(c *Call) error {
	if err := h.nothing(c); err != nil {
		return err
	}
	s := h.opt.Server
	return c.answer(func(dst []byte) []byte {
		dst = appendString(dst, 1, s.Name)
		dst = appendString(dst, 2, s.Version)
		for _, e := range s.Extensions {
			dst = appendElement(dst, 3, e)
		}
		return dst
	})
}

func (h *Handler) modelMetadata(c *Call) error {
	name, version, err := h.named(c)
	if err != nil {
		return err
	}
	if name == "" {
		return errorf(InvalidArgument, `"name" is missing: expected the name of a model`)
	}
	m, err := h.opt.Backend.Describe(name, version)
	if err != nil {
		return err
	}
	return c.answer(m.append)
}

func (m *Metadata) append(dst []byte) []byte {
	dst = appendString(dst, 1, m.Name)
	for _, v := range m.Versions {
		dst = appendElement(dst, 2, v)
	}
	dst = appendString(dst, 3, m.Platform)
	for _, t := range m.Inputs {
		dst = appendMessage(dst, 4, t.append)
	}
	for _, t := range m.Outputs {
		dst = appendMessage(dst, 5, t.append)
	}
	for _, p := range m.Properties {
		dst = appendMessage(dst, 6, func(dst []byte) []byte {
			return appendString(appendString(dst, 1, p.Name), 2, p.Value)
		})
	}
	return dst
}

func (t Tensor) append(dst []byte) []byte {
	return appendShape(appendString(appendString(dst, 1, t.Name), 2, t.Datatype), 3, t.Shape)
}

// modelInfer is the hot path: the message is read in place, and the answer is
// written once.
func (h *Handler) modelInfer(c *Call) error {
	message, err := h.receive(c)
	if err != nil {
		return err
	}
	if err := c.request.parse(message); err != nil {
		return err
	}
	if c.request.Model == "" {
		return errorf(InvalidArgument, `"model_name" is missing: expected the name of a model`)
	}
	if err := c.Context.Err(); err != nil {
		return h.ended(c, err)
	}
	c.out = append(c.out[:0], 0, 0, 0, 0, 0)
	c.response.dst = c.out
	if err := h.opt.Backend.Infer(c, &c.request, &c.response); err != nil {
		return err
	}
	c.out = c.response.dst
	return c.send()
}
