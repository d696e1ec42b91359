package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"quhao/daemon/broker"
)

const hall = "../configs/hall"

// say runs a command line as main does and returns its exit code and what it printed.
func say(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = exitCode(&err, command(ctx, args, &out, &err))
	return code, out.String(), err.String()
}

func TestUsage(t *testing.T) {
	for _, line := range []string{
		"", "dance", "run", "run -config x", "run -config x -data y z", "run -nonsense", "check", "check -nonsense x", "enrol",
		"enrol -config x -data y", "enrol -config x -data y a b", "status", "day open", "why A001", "backup", "backup -data x",
		"backup -data x a b", "verify", "verify -data x y", "rebuild", "sign on c1 o",
		"status -data x y", "day -data x", "day shut -data x", "day open -force -data x", "issuing open -data x", "sign on c1 -data x", "why -data x",
		"return -data x a b", "replace -data x kiosk-1", "recovery -data x", "status -data x -nonsense", "status -data x -force",
	} {
		code, stdout, stderr := say(t.Context(), strings.Fields(line)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 2 || !strings.HasPrefix(stderr, "quhaod: ") || !strings.Contains(stderr, "\nquhaod ") {
			t.Errorf("quhaod %s: exit code %d, printed %q and %q", line, code, stdout, stderr)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, word := range []string{"help", "-help", "--help", "-h"} {
		if code, stdout, _ := say(t.Context(), word); code != exitDone || stdout != usage {
			t.Errorf("%s: exit code %d", word, code)
		}
	}
	for _, word := range []string{"version", "-version", "--version"} {
		if code, stdout, _ := say(t.Context(), word); code != exitDone || stdout != "quhaod "+version+"\n" {
			t.Errorf("%s: exit code %d, %q", word, code, stdout)
		}
	}
}

func TestHelpWithOneCommand(t *testing.T) {
	code, stdout, stderr := say(t.Context(), "enrol", "-help")
	if code != exitDone || stderr != "" || !strings.Contains(stdout, "give a device its secret") || !strings.Contains(stdout, "-plain") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

// A slip in a folder's name must not make an empty database and call it whole.
func TestNoDatabase(t *testing.T) {
	data := filepath.Join(t.TempDir(), "slip")
	for _, line := range []string{"verify", "rebuild", "backup copy.db"} {
		code, _, stderr := say(t.Context(), append(strings.Fields(line), "-data", data)...)
		if _, err := os.Stat(data); code != exitRefused || !strings.Contains(stderr, "no database in this data folder") || err == nil {
			t.Errorf("%s: exit code %d, %q, %v", line, code, stderr, err)
		}
	}
}

func TestNobodyIsEnrolled(t *testing.T) {
	code, _, stderr := say(t.Context(), "run", "-config", hall, "-data", t.TempDir(), "-mqtt", "127.0.0.1:0", "-http", "127.0.0.1:0")
	if code != exitStart || !strings.Contains(stderr, "begin with quhaod enrol") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitDone}, {flag.ErrHelp, exitDone}, {context.Canceled, exitDone}, {fmt.Errorf("stopped: %w", context.Canceled), exitDone},
		{errors.New("no"), exitRefused}, {usageError{"what"}, exitUsage}, {startError{errors.New("taken")}, exitStart},
		{fmt.Errorf("run: %w", startError{errors.New("taken")}), exitStart},
	} {
		var stderr bytes.Buffer
		if got := exitCode(&stderr, c.err); got != c.want || (stderr.Len() == 0) != (c.want == exitDone) {
			t.Errorf("%v: exit code %d, want %d; printed %q", c.err, got, c.want, stderr.String())
		}
	}
}

func TestCheck(t *testing.T) {
	code, stdout, stderr := say(t.Context(), "check", hall, "../configs")
	if code != exitDone || stderr != "" || strings.Count(stdout, ": good: ") != 2 ||
		!strings.Contains(stdout, "3 departments, 4 counters, 6 devices") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	bad := t.TempDir()
	if err := os.WriteFile(filepath.Join(bad, "centre.yaml"), []byte("version: 1\nzone: Mars/Olympus\nflavour: mint\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = say(t.Context(), "check", hall, bad)
	if code != exitRefused || !strings.Contains(stderr, "centre.yaml:2:7: ") || !strings.Contains(stderr, "centre.yaml:3:1: ") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if code, _, stderr := say(t.Context(), "run", "-config", bad, "-data", t.TempDir()); code != exitRefused || !strings.Contains(stderr, ":3:1: ") {
		t.Errorf("run: exit code %d, %q", code, stderr)
	}
}

var secretLine = regexp.MustCompile(`(?m)^secret: ([0-9a-f]{40})$`)

func TestEnrol(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	enrolled := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := say(t.Context(), append([]string{"enrol", "-config", hall, "-data", data}, args...)...)
		m := secretLine.FindStringSubmatch(stdout)
		local := strings.Contains(stdout, "controller: 127.0.0.1:") // a device on another machine cannot dial that
		if code != exitDone || strings.Contains(stderr, "broker.tls") != local || m == nil {
			t.Fatalf("exit code %d, %q, %q", code, stdout, stderr)
		}
		for _, line := range []string{"version: 1\n", "id: " + args[0] + "\n", "controller: "} {
			if !strings.Contains(stdout, line) {
				t.Errorf("no %q in %q", line, stdout)
			}
		}
		return m[1]
	}
	verifies := func(id, secret string) bool {
		t.Helper()
		all, err := broker.LoadPasswords(filepath.Join(data, passwordFile))
		if err != nil {
			t.Fatal(err)
		}
		return broker.Verify(all[id], secret)
	}
	old, unit := enrolled("kiosk-1"), enrolled("unit-1", "-mqtt", "hall.example:1883")
	if !verifies("kiosk-1", old) || !verifies("unit-1", unit) || verifies("unit-1", old) {
		t.Error("the password file does not know the secrets")
	}
	if code, stdout, stderr := say(t.Context(), "enrol", "-config", hall, "-data", data, "kiosk-1"); code != exitRefused || stdout != "" ||
		!strings.Contains(stderr, "enrol -again") || !verifies("kiosk-1", old) {
		t.Errorf("a second time, not asked for: exit code %d, %q, %q", code, stdout, stderr)
	}
	if again := enrolled("kiosk-1", "-again"); again == old || verifies("kiosk-1", old) || !verifies("kiosk-1", again) || !verifies("unit-1", unit) {
		t.Error("after enrolling again the old secret still counts, or another is lost")
	}
	own := enrolled(controllerName)
	if kept, err := readSecret(data); err != nil || kept != own {
		t.Errorf("the controller's own secret: %q, %v", kept, err)
	}
	info, err := os.Stat(filepath.Join(data, passwordFile))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the passwords: %v %v", info.Mode(), err)
	}
	if code, stdout, stderr := say(t.Context(), "enrol", "-config", hall, "-data", data, "kiosk-9"); code != exitRefused || stdout != "" ||
		!strings.Contains(stderr, "devices/kiosk-9.yaml") {
		t.Errorf("an unknown device: exit code %d, %q, %q", code, stdout, stderr)
	}
}

func TestNobodyAtHome(t *testing.T) {
	for _, line := range []string{"status", "day open", "why A001", "sign on c1 officer-1"} {
		code, _, stderr := say(t.Context(), append(strings.Fields(line), "-data", t.TempDir())...)
		if code != exitRefused || !strings.Contains(stderr, "does not run") {
			t.Errorf("%s: exit code %d, %q", line, code, stderr)
		}
	}
	if _, err := readSecret(t.TempDir()); err == nil || !strings.Contains(err.Error(), "quhaod enrol quhaod") {
		t.Errorf("without a secret: %v", err)
	}
}
