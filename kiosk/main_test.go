package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quhao/internal/link"
	"quhao/internal/station"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	id := identity(t, dir)
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 1\nid: kiosk-1\nkind: kioks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	hall := filepath.Join("..", "configs", "hall")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"help", []string{"-help"}, exitDone, "Examples:"},
		{"version", []string{"-version"}, exitDone, "quhao-kiosk "},
		{"nothing", nil, exitUsage, "-config is missing"},
		{"no data folder", []string{"-config", id}, exitUsage, "-data is missing"},
		{"unknown flag", []string{"-confg", id}, exitUsage, "-confg"},
		{"too much", []string{"-config", id, "-data", data, "more"}, exitUsage, `"more"`},
		{"try what", []string{"-config", id, "-data", data, "try", "led"}, exitUsage, "printer, card or keypad"},
		{"no identity", []string{"-config", filepath.Join(dir, "none"), "-data", data}, exitFailed, "identity"},
		{"bad configuration", []string{"-config", id, "-data", data, "-local", bad}, exitRefused, bad + ":3:7: "},
		{"state for everybody", []string{"-config", id, "-data", data, "-local", hall, "-http", "0.0.0.0:0"}, exitFailed, "on this machine only"},
		{"try without a printer", []string{"-config", id, "-data", data, "-local", hall, "try", "printer"}, exitRefused, "it does not work"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), c.args, &out, &errs, func(link.Options) station.Pipe { return newCentre() })
			if said := out.String() + errs.String(); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, want %d; it said %q, want %q in it", code, c.code, said, c.says)
			}
		})
	}
}

func TestDataFolderInUse(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	dir := t.TempDir()
	var out, errs bytes.Buffer
	args := []string{"-config", identity(t, dir), "-data", h.data, "-local", filepath.Join("..", "configs", "hall")}
	code := run(t.Context(), args, &out, &errs, func(link.Options) station.Pipe { return newCentre() })
	if code != exitFailed || !strings.Contains(errs.String(), "in use by another program") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
