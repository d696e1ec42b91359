package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the .want files anew; read the difference before committing it")

// TestBad reads every case of testdata/bad and compares all lines: a file by the start of its name, a folder as a whole
// configuration. The .want beside it holds the exact lines.
func TestBad(t *testing.T) {
	cases, err := os.ReadDir("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range cases {
		name := c.Name()
		if strings.HasSuffix(name, ".want") {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			in := filepath.Join("testdata/bad", name)
			want := strings.TrimSuffix(in, ".yaml") + ".want"
			got := strings.ReplaceAll(badLines(t, in), "testdata/bad/", "") + "\n"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(text) {
				t.Errorf("got:\n%s\nwant:\n%s", got, text)
			}
		})
	}
	if ran < 45 {
		t.Errorf("only %d cases ran", ran)
	}
}

// badLines reads one case in its own way and demands that it is refused.
func badLines(t *testing.T, in string) string {
	t.Helper()
	var accepted bool
	var mistakes Mistakes
	if base := filepath.Base(in); strings.HasPrefix(base, "folder-") {
		cfg, m := Load(in)
		accepted, mistakes = cfg != nil, m
	} else {
		data, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(base, "centre-") {
			c, m := ParseCentre(in, data)
			accepted, mistakes = c != nil, m
		} else {
			p, m := ParseDevice(in, data)
			accepted, mistakes = p != nil, m
		}
	}
	if accepted || mistakes.Err() == nil {
		t.Fatalf("%s was accepted", in)
	}
	return mistakes.Error()
}
