// Package configenv reads, from Go source, the environment variables that the
// function's Config struct declares. Tests of manifests use it: package main
// cannot be imported, and a list written down beside it would go stale.
package configenv

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
)

// Read returns the name and the default of every struct tag
// `env:"NAME" envDefault:"VALUE"` in the Go file at path. A file without any is
// an error, so that a moved Config does not turn the tests off.
func Read(path string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the configuration: %w", err)
	}
	names := map[string]string{}
	var bad error
	ast.Inspect(file, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		text, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			bad = fmt.Errorf("cannot read tag %s: %w", field.Tag.Value, err)
			return false
		}
		tag := reflect.StructTag(text)
		name, _, _ := strings.Cut(tag.Get("env"), ",")
		if name == "" {
			return true
		}
		if _, ok := names[name]; ok {
			bad = fmt.Errorf("%s is declared twice in %s", name, path)
		}
		names[name] = tag.Get("envDefault")
		return true
	})
	if bad != nil {
		return nil, bad
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no env tag in %s", path)
	}
	return names, nil
}
