package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzDecode reads any bytes as a centre, as a device, as a profile and as all of them together.
// It never panics, refuses with at least one mistake or accepts without any, and every mistake has a place in the file.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", samples + "/*/*.yaml", samples + "/hall/*/*.yaml"} {
		list, err := filepath.Glob(pattern)
		if err != nil || len(list) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(list), err)
		}
		for _, name := range list {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	device := []byte("version: 1\nid: x-1\nprofile: x-2\nkeypad: {driver: terminal}\n")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, mistakes := ParseCentre("x", data)
		placed(t, data, c != nil, mistakes)
		p, mistakes := ParseDevice("x", data, Source{"x", "x", data})
		placed(t, data, p != nil, mistakes)
		p, mistakes = ParseDevice("y", device, Source{"x-2", "x", data})
		placed(t, data, p != nil, mistakes)
		all := fstest.MapFS{}
		for _, name := range []string{centreFile, "devices/x-1.yaml", "devices/x-3.yaml", "profiles/x-2.yaml"} {
			all[name] = &fstest.MapFile{Data: data}
		}
		cfg, mistakes := loadFS(all, func(string) string { return "x" })
		placed(t, data, cfg != nil, mistakes)
	})
}

func placed(t *testing.T, data []byte, accepted bool, mistakes Mistakes) {
	t.Helper()
	if accepted != (len(mistakes) == 0) {
		t.Errorf("accepted %v with mistakes %q", accepted, mistakes)
	}
	lines := strings.Count(strings.ReplaceAll(string(data), "\r", "\n"), "\n") + 10
	for _, m := range mistakes {
		if m.Line < 1 || m.Col < 1 || m.Line > lines || m.What == "" || strings.ContainsAny(m.What, "\n\r\x00\x1b") {
			t.Errorf("mistake %q in a file of %d lines", m, lines)
		}
	}
}
