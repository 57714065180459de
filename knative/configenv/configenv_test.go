package configenv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	const tick = "`"
	cases := []struct {
		name, source, wantErr string
		want                  map[string]string
	}{
		{
			name: "names, defaults and options",
			source: "package main\ntype Config struct {\n" +
				"A int " + tick + `env:"PORT" envDefault:"8080"` + tick + "\n" +
				"B string " + tick + `env:"MODEL,notEmpty"` + tick + "\n" +
				"C string " + tick + `json:"c"` + tick + "\n" +
				"D struct { E int " + tick + `env:"INNER"` + tick + " }\n}\n",
			want: map[string]string{"PORT": "8080", "MODEL": "", "INNER": ""},
		},
		{name: "no tag", source: "package main\ntype Config struct{ A int }\n", wantErr: "no env tag"},
		{name: "not Go", source: "package", wantErr: "cannot parse the configuration"},
		{
			name: "declared twice",
			source: "package main\ntype Config struct {\nA int " + tick + `env:"PORT"` + tick +
				"\nB int " + tick + `env:"PORT"` + tick + "\n}\n",
			wantErr: "PORT is declared twice",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.go")
			if err := os.WriteFile(path, []byte(c.source), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Read(path)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadMissingFile(t *testing.T) {
	if _, err := Read(filepath.Join(t.TempDir(), "config.go")); err == nil {
		t.Error("no error for a file that is not there")
	}
}
