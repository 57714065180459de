package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip/grpc"
	"online-inference/function/telemetry"
)

// grpcInfer is the one call of gRPC that scores rows.
const grpcInfer = "/inference.GRPCInferenceService/ModelInfer"

// newGRPC makes the gRPC side of a server.
func newGRPC(s *Server) *grpc.Handler {
	return grpc.New(grpc.Options{
		Backend:        backend{s},
		Memory:         memory{&s.bodies},
		Server:         grpc.Server{Name: serverName, Version: s.opt.Build, Extensions: []string{"binary_tensor_data"}}, // as REST has them
		MaxBytes:       s.opt.MaxBodyBytes,
		RequestTimeout: s.opt.RequestTimeout,
		Expired:        s.expired.Load,
		Panicked: func(c *grpc.Call, p any, stack []byte) {
			rec := &c.Tag.(*call).record
			s.logger.Error().Str("request_id", rec.ID).Str("route", rec.Route).
				Int64("panics", s.opt.Metrics.Panicked()).Str("stack", string(stack)).Msg(fmt.Sprintf("panic: %v", p))
		},
	})
}

// memory is the budget of bodies as gRPC asks for it.
type memory struct{ b *budget }

func (m memory) Take(n int64) bool { return m.b.take(n) }
func (m memory) Give(n int64)      { m.b.give(n) }

// serveGRPC is observe for a call of gRPC: it names who answers, counts, and writes
// the log line.
func (s *Server) serveGRPC(w http.ResponseWriter, r *http.Request) {
	if s.hanging.Load() {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	start := time.Now()
	route, told := grpc.Route(r.URL.Path)
	if route == "" {
		route = telemetry.OtherRoute
	}
	rec := s.calls.Get().(*call)
	*rec = call{buf: rec.buf[:0], told: told, record: telemetry.Request{
		ID: telemetry.RequestID(r.Header.Get("X-Request-Id")), Method: r.Method, Path: clip(r.URL.Path), Route: route,
	}}
	s.begin(rec, r.Header, start)
	s.grpc.Serve(w, r, func(c *grpc.Call) {
		c.Tag = rec
		s.present(c)
	}, func(c *grpc.Call) { s.finishGRPC(c, rec, start) })
}

// finishGRPC tells of a call that has ended.
func (s *Server) finishGRPC(c *grpc.Call, rec *call, start time.Time) {
	s.announceEnd(c)
	if c.Err != nil {
		s.logger.Error().Str("request_id", rec.record.ID).Err(c.Err).Msg("internal error")
	}
	if r := &rec.record; rec.told {
		r.Status, r.BytesIn, r.BytesOut = c.Code.HTTP(), c.BytesIn, c.BytesOut
		s.tell(rec, start)
	}
	s.calls.Put(rec)
}

// present writes the headers that say who answers.
func (s *Server) present(c *grpc.Call) {
	h := c.Header()
	h.Set("X-Request-Id", c.Tag.(*call).record.ID)
	h.Set("X-Pod", s.opt.Pod)
	if s.opt.Revision != "" {
		h.Set("X-Revision", s.opt.Revision)
	}
	if m, err := s.opt.Repository.Find("", ""); err == nil {
		s.presentModel(c, m)
	}
	s.announceEnd(c)
}

// presentModel names the model of an answer, in headers and log.
func (s *Server) presentModel(c *grpc.Call, m *artefact.Model) {
	h, rec := c.Header(), &c.Tag.(*call).record
	h.Set("X-Model-Name", m.Name)
	h.Set("X-Model-Version", m.Version)
	rec.Model, rec.Version = m.Name, m.Version
}

// announceEnd makes net/http send GOAWAY with an answer during a drain.
func (s *Server) announceEnd(c *grpc.Call) {
	if s.lastOn(c.HTTP()) {
		c.Header().Set("Connection", "close")
	}
}

// codeOf is the code by which gRPC says what a status of HTTP says.
func codeOf(status int) grpc.Code {
	switch status {
	case http.StatusBadRequest:
		return grpc.InvalidArgument
	case http.StatusNotFound:
		return grpc.NotFound
	case http.StatusRequestTimeout:
		return grpc.DeadlineExceeded
	case http.StatusRequestEntityTooLarge:
		return grpc.ResourceExhausted
	case http.StatusServiceUnavailable:
		return grpc.Unavailable
	}
	return grpc.Internal
}

// statusOf is the status of an error by the same table as REST's, which tells the
// log of what is our own fault.
func (s *Server) statusOf(rec *call, err error) error {
	var status *grpc.Status
	if err == nil || errors.As(err, &status) {
		return err
	}
	r := s.judge(rec, err)
	return &grpc.Status{Code: codeOf(r.status), Message: r.message}
}

// A backend answers for the server's models.
type backend struct{ s *Server }

// Ready tells whether a model can be asked now.
func (b backend) Ready(name, version string) error {
	_, err := b.s.opt.Repository.Find(name, version)
	if err == nil && b.s.draining.Load() {
		err = errDraining
	}
	return b.s.statusOf(new(call), err)
}

// Describe tells what a model is.
func (b backend) Describe(name, version string) (*grpc.Metadata, error) {
	m, err := b.s.opt.Repository.Find(name, version)
	if err != nil {
		return nil, b.s.statusOf(new(call), err)
	}
	meta := &grpc.Metadata{
		Name: m.Name, Versions: []string{m.Version}, Platform: platform(m),
		Inputs: grpcTensors(m.Signature().Inputs), Outputs: grpcTensors(m.Signature().Outputs),
	}
	for _, p := range []grpc.Parameter{
		{Name: "title", Value: m.Title}, {Name: "description", Value: m.Description}, {Name: "sha256", Value: m.SHA256},
		{Name: "revision", Value: b.s.opt.Revision}, {Name: "pod", Value: b.s.opt.Pod},
	} {
		if p.Value != "" {
			meta.Properties = append(meta.Properties, p)
		}
	}
	return meta, nil
}

func grpcTensors(ports []engine.Port) []grpc.Tensor {
	all := make([]grpc.Tensor, len(ports))
	for i, p := range ports {
		all[i] = grpc.Tensor{Name: p.Name, Datatype: datatype(p.Type).String(), Shape: p.Shape}
	}
	return all
}

// Infer answers a request by the path that REST's binary tensors take.
func (b backend) Infer(c *grpc.Call, q *grpc.Request, res *grpc.Response) error {
	return b.s.statusOf(c.Tag.(*call), b.s.inferGRPC(c, q, res))
}

func (s *Server) inferGRPC(c *grpc.Call, q *grpc.Request, res *grpc.Response) error {
	m, err := s.opt.Repository.Find(q.Model, q.Version)
	if err != nil {
		return err
	}
	s.presentModel(c, m)
	w := s.works.Get().(*work)
	defer s.done(w)
	w.begun = time.Now()
	if err := q.Fill(&w.request); err != nil {
		return err
	}
	if err := w.request.Check(s.limits(m)); err != nil {
		return s.badFor(m, err)
	}
	b, outputs, err := s.evaluate(&c.Tag.(*call).record, m, w)
	if err != nil {
		return err
	}
	defer b.Release()
	res.Begin(q, m.Name, m.Version)
	for _, o := range outputs {
		port, t := &m.Signature().Outputs[o], b.Output(o)
		res.Output(port.Name, datatype(t.Type), t.Shape, valuesOf(t))
	}
	res.End(s.parameters(w))
	w.lap(&c.Tag.(*call).record.Encode)
	s.announceEnd(c)
	return nil
}

// valuesOf are the elements of a tensor, which may have slices of other types too.
func valuesOf(t *engine.Tensor) (v grpc.Values) {
	switch t.Type {
	case engine.Float32:
		v.F32 = t.F32
	case engine.Float64:
		v.F64 = t.F64
	case engine.Int64:
		v.I64 = t.I64
	case engine.Int32:
		v.I32 = t.I32
	case engine.Uint8:
		v.U8 = t.U8
	case engine.Bool:
		v.Bool = t.Bool
	case engine.String:
		v.Str = t.Str
	}
	return v
}

// parameters say who answered, and what is to be said of the rows.
func (s *Server) parameters(w *work) []grpc.Parameter {
	all := make([]grpc.Parameter, 0, 3)
	if s.opt.Revision != "" {
		all = append(all, grpc.Parameter{Name: "revision", Value: s.opt.Revision})
	}
	all = append(all, grpc.Parameter{Name: "pod", Value: s.opt.Pod})
	if len(w.marks) > 0 {
		all = append(all, grpc.Parameter{Name: "warnings", Value: joinMarks(w.marks)})
	}
	return all
}
