// Package demo shows the project's main job on a cluster: predictions of real
// patients through the Knative route, counted by revision, the scale to zero
// and the first request after it.
package demo

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// finding is the column that the models predict; it is not sent.
const finding = "target"

// textColumns are the features that the models take as text.
var textColumns = map[string]bool{"thal": true}

// Patients are the rows of the data set as prediction requests.
type Patients struct {
	Features []string
	Rows     [][]any
}

// ReadPatients reads the data set: a header, then one patient a line. An empty
// cell is a missing value and becomes null.
func ReadPatients(r io.Reader) (*Patients, error) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("cannot read the patients: %w", err)
	}
	if len(records) < 2 {
		return nil, errors.New("the patients' file has no rows")
	}
	header := records[0]
	if header[len(header)-1] != finding {
		return nil, fmt.Errorf("the last column of the patients is %q, want %q", header[len(header)-1], finding)
	}
	p := &Patients{Features: header[:len(header)-1]}
	for i, record := range records[1:] {
		row := make([]any, len(p.Features))
		for j, name := range p.Features {
			switch cell := record[j]; {
			case cell == "":
				row[j] = nil
			case textColumns[name]:
				row[j] = cell
			default:
				if _, err := strconv.ParseFloat(cell, 64); err != nil {
					return nil, fmt.Errorf("line %d, %s: %q is not a number", i+2, name, cell)
				}
				row[j] = json.Number(cell)
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

// Request is the body of POST /predict for patient i, counted round.
func (p *Patients) Request(i int) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"features": p.Features, "data": [][]any{p.Rows[i%len(p.Rows)]}})
	if err != nil {
		return nil, fmt.Errorf("cannot encode patient %d: %w", i, err)
	}
	return body, nil
}
