package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"online-inference/function/oip/grpc"
	"online-inference/function/telemetry"
)

// costly is a model that is modest on few rows and asks for sixteen million
// elements from fifty rows on: y = x + the sum of zeros, as many as the number of
// rows says.
func costly() []message {
	list := func(y string, v uint64) message {
		return message{}.text(2, y).text(4, "Constant").bytes(5, message{}.text(1, "value_ints").number(8, v).number(20, attributeInts))
	}
	plain := func(y, op string, x ...string) message {
		var n message
		for _, x := range x {
			n = n.text(1, x)
		}
		return n.text(2, y).text(4, op)
	}
	option := func(n message, name string, v uint64) message {
		return n.bytes(5, message{}.text(1, name).number(3, v).number(20, attributeInt))
	}
	return []message{
		list("fifty", 50), list("one", 1), list("most", 1<<24),
		option(plain("rows", "Shape", "x"), "end", 1), plain("few", "Less", "rows", "fifty"), plain("n", "Where", "few", "one", "most"),
		plain("zeros", "ConstantOfShape", "n"), option(plain("sum", "ReduceSum", "zeros"), "keepdims", 0), plain("y", "Add", "x", "sum"),
	}
}

// TestCostly: a model that is stopped because a batch costs far more than its rows
// foretold is the client's to help, in each protocol: it can send fewer.
func TestCostly(t *testing.T) {
	repo := repositoryOf(t, port("x", elementFloat, 0, 1), port("y", elementFloat, 0, 1), costly()...)
	m, err := repo.Find("", "")
	if err != nil {
		t.Fatal(err)
	}
	var s *Server
	url, _, _ := serveAs(t, repo, nil, &s)
	const want = "the model needs far more memory or time for 50 rows than for a few, and stops: send fewer rows"
	for rows, status := range map[int]int{49: http.StatusOK, 50: http.StatusRequestEntityTooLarge} {
		comma := func(cell string) string { return strings.TrimSuffix(strings.Repeat(cell+",", rows), ",") }
		for path, body := range map[string]string{
			"/predict":                 `[` + comma(`{"x":7}`) + `]`,
			"/v1/models/small:predict": `{"instances":[` + comma(`[7]`) + `]}`,
			"/v2/models/small/infer":   `{"inputs":[{"name":"x","datatype":"FP32","shape":[` + map[int]string{49: "49", 50: "50"}[rows] + `,1],"data":[` + comma("7") + `]}]}`,
		} {
			res, reply := ask(t, "POST", url+path, body)
			if res.Status != status || strings.Contains(reply, want) != (rows == 50) {
				t.Errorf("%s, %d rows: %d %.300s", path, rows, res.Status, reply)
			}
		}
	}
	b := m.Batch(50)
	defer b.Release()
	answer := s.statusOf(new(call), s.score(&telemetry.Request{Rows: 50}, &work{}, b, m))
	if status := (*grpc.Status)(nil); !errors.As(answer, &status) || status.Code != grpc.ResourceExhausted || status.Message != want {
		t.Errorf("over gRPC: %v", answer)
	}
}
