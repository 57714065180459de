package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"online-inference/function/artefact"
)

// command runs the program with arguments. There is one such use: the image has
// neither a shell nor another client, and a test inside of a cluster needs one.
func command(ctx context.Context, args, environ []string, stdout io.Writer) error {
	if args[0] != "check" {
		return &exitError{exitConfig, fmt.Errorf("unexpected argument %q: this program is configured by environment variables; check URL asks a running one", args[0])}
	}
	base, err := checkURL(args[1:])
	if err != nil {
		return &exitError{exitConfig, err}
	}
	cfg, err := parseConfig(environ)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	path, labels, err := cfg.model()
	if err != nil {
		return &exitError{exitConfig, err}
	}
	m, err := artefact.Load(path, labels)
	if err != nil {
		return cfg.judge(err)
	}
	return check(ctx, checkTimes{checkPatience, checkPause}, m, base, stdout)
}

// checkURL takes the one argument of check.
func checkURL(args []string) (string, error) {
	if len(args) != 1 {
		return "", errors.New("check: expected one argument, the server's address such as http://localhost:8080")
	}
	u, err := url.Parse(args[0])
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("check: %q: expected an address such as http://localhost:8080", args[0])
	}
	return strings.TrimSuffix(args[0], "/"), nil
}

// Bounds of check: how long it asks again in all, waits for one answer, and pauses
// between two attempts. A pod that a rollout has just told to go answers for
// DRAIN_DELAY, and a minute is too long to wait for a failure.
const (
	checkPatience = 45 * time.Second
	checkTimeout  = 10 * time.Second
	checkPause    = 500 * time.Millisecond
)

// maxAnswer bounds the bytes of an answer that check reads; a row's is some hundred.
const maxAnswer = 1 << 20

// answerTolerance is how far a number may be off from the recorded one, as in the
// self-test: they were recorded in float64, the engine answers in float32.
const answerTolerance = 1e-5

type checkTimes struct{ patience, pause time.Duration }

// check asks the server at base for every example row of the model and holds each
// answer against the recorded one. The server has to say that it serves this very
// name and version: another one may have the right answer.
func check(ctx context.Context, times checkTimes, m *artefact.Model, base string, stdout io.Writer) error {
	if len(m.Examples) == 0 {
		return fmt.Errorf("check: %s records no example rows: there is nothing to compare an answer with", m.Source)
	}
	// A connection for each row, so that a Service spreads them over its pods.
	client := &http.Client{Timeout: checkTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(times.patience)
	for i := range m.Examples {
		a, err := patientAsk(ctx, client, m, base+"/predict", exampleBody(m, &m.Examples[i]), deadline, times.pause)
		if err == nil {
			err = a.compare(m, &m.Examples[i])
		}
		if err != nil {
			return fmt.Errorf("check: row %d: %w", i+1, err)
		}
		fmt.Fprintf(stdout, "row %d: model %s, version %s, pod %s: as recorded: %s\n", i+1, a.Model, a.Version, a.Pod, a.Predictions[0])
	}
	fmt.Fprintf(stdout, "%d of %d rows are answered as recorded\n", len(m.Examples), len(m.Examples))
	return nil
}

// exampleBody is the request for one example: a list with one object.
func exampleBody(m *artefact.Model, ex *artefact.Example) []byte {
	row := make(map[string]json.RawMessage, len(ex.Values))
	for i, v := range ex.Values {
		row[m.FeatureName(i)] = json.RawMessage(v.JSON())
	}
	body, err := json.Marshal([]any{row})
	if err != nil { // the values are scalars that were read as JSON's
		panic(err)
	}
	return body
}

// checkAnswer is what POST /predict says.
type checkAnswer struct {
	Model, Version, Pod string
	Predictions         []json.RawMessage
}

// A notYetError marks an answer that may be another one soon.
type notYetError struct{ error }

// patientAsk asks until the model answers: a Service has no endpoints before its
// first pod is ready, and the pods of an earlier version are still among them for
// a moment after a rollout.
func patientAsk(ctx context.Context, client *http.Client, m *artefact.Model, url string, body []byte, deadline time.Time, pause time.Duration) (*checkAnswer, error) {
	for {
		a, err := ask(ctx, client, url, body)
		if err == nil && (a.Model != m.Name || a.Version != m.Version) {
			err = notYetError{fmt.Errorf("model %q, version %q answers, expected %q, version %q", a.Model, a.Version, m.Name, m.Version)}
		}
		var notYet notYetError
		if err == nil || !errors.As(err, &notYet) || time.Now().After(deadline) {
			return a, err
		}
		if !sleep(ctx, pause) {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string, body []byte) (*checkAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, notYetError{err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	text = bytes.TrimSpace(text)
	switch {
	case err != nil:
		return nil, notYetError{err}
	case res.StatusCode == http.StatusServiceUnavailable:
		return nil, notYetError{fmt.Errorf("status 503: %.300s", text)}
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d: %.300s", res.StatusCode, text)
	}
	var a checkAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the answer %.300q: %w", text, err)
	}
	return &a, nil
}

// compare holds an answer against what an example records.
func (a *checkAnswer) compare(m *artefact.Model, ex *artefact.Example) error {
	if len(a.Predictions) != 1 {
		return fmt.Errorf("%d predictions for one row", len(a.Predictions))
	}
	var got struct {
		Label         json.RawMessage
		Probabilities map[string]*float64
		Prediction    *float64
	}
	if err := json.Unmarshal(a.Predictions[0], &got); err != nil {
		return fmt.Errorf("the prediction %.300q: %w", a.Predictions[0], err)
	}
	if ex.Class >= 0 && string(got.Label) != m.Classes[ex.Class].Label {
		return fmt.Errorf("the label is %s, recorded %s", got.Label, m.Classes[ex.Class].Label)
	}
	for class, want := range ex.Probabilities {
		name := m.Classes[class].Name
		if p := got.Probabilities[name]; p == nil || !(math.Abs(*p-want) <= answerTolerance) {
			return fmt.Errorf("the probability of %q is not the recorded %v: %s", name, want, a.Predictions[0])
		}
	}
	if want := ex.Prediction; !math.IsNaN(want) {
		if p := got.Prediction; p == nil || !(math.Abs(*p-want) <= answerTolerance*max(1, math.Abs(want))) {
			return fmt.Errorf("the prediction is not the recorded %v: %s", want, a.Predictions[0])
		}
	}
	return nil
}
