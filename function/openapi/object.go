package openapi

import (
	"bytes"
	"encoding/json"
)

// An object is a JSON object that keeps the order of its members, so that a
// person reads features in the order of the model and not of the alphabet.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// ref points to a schema of the document.
func ref(name string) object { return object{{"$ref", "#/components/schemas/" + name}} }

// list is the schema of a list of at least one element.
func list(items any) object {
	return object{{"type", "array"}, {"minItems", 1}, {"items", items}}
}

// text is the schema of a string.
func text(description string) object {
	return object{{"type", "string"}, {"description", description}}
}
