package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/trial"
	"quhao/drivers/virtual"
	"quhao/internal/link"
	"quhao/internal/proto"
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
		{"help", []string{"-help"}, station.ExitDone, "Examples:"},
		{"version", []string{"-version"}, station.ExitDone, "quhao-kiosk "},
		{"nothing", nil, station.ExitUsage, "-config is missing"},
		{"no data folder", []string{"-config", id}, station.ExitUsage, "-data is missing"},
		{"unknown flag", []string{"-confg", id}, station.ExitUsage, "-confg"},
		{"too much", []string{"-config", id, "-data", data, "more"}, station.ExitUsage, `"more"`},
		{"try what", []string{"-config", id, "-data", data, "try", "led"}, station.ExitUsage, "printer, card, keypad"},
		{"no identity", []string{"-config", filepath.Join(dir, "none"), "-data", data}, station.ExitFailed, "identity"},
		{"bad configuration", []string{"-config", id, "-data", data, "-local", bad}, station.ExitRefused, bad + ":3:7: "},
		{"state for everybody", []string{"-config", id, "-data", data, "-local", hall, "-http", "0.0.0.0:0"}, station.ExitFailed, "on this machine only"},
		{"try without a printer", []string{"-config", id, "-data", data, "-local", hall, "try", "printer"}, station.ExitRefused, "it does not work"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := program(func(link.Options) station.Pipe { return newCentre() }).Main(t.Context(), c.args, &out, &errs)
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
	code := program(func(link.Options) station.Pipe { return newCentre() }).Main(t.Context(), args, &out, &errs)
	if code != station.ExitFailed || !strings.Contains(errs.String(), "in use by another program") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
	code = program(func(link.Options) station.Pipe { return newCentre() }).Main(t.Context(), append(args, "try", "printer"), &out, &errs)
	if code != station.ExitFailed || !strings.Contains(errs.String(), "systemctl stop quhao-kiosk") {
		t.Errorf("a try beside the service: exit code %d, %s", code, errs.String())
	}
}

// try runs the same code against the things as the program does.
func TestTry(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	h.stop()
	h.wait(t, station.ExitDone)
	start := func(what string) (*lockedBuffer, chan int) {
		out, code := new(lockedBuffer), make(chan int, 1)
		args := []string{"-config", identity(t, t.TempDir()), "-data", h.data, "-local", filepath.Join("..", "configs", "hall"), "try", what, "-trace", "-"}
		go func() {
			code <- program(func(link.Options) station.Pipe { return newCentre() }).Main(t.Context(), args, out, out)
		}()
		return out, code
	}
	until := func(out *lockedBuffer, word string) {
		t.Helper()
		tick, deadline := time.NewTicker(10*time.Millisecond), time.After(patience)
		defer tick.Stop()
		for !strings.Contains(out.String(), word) {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("waited in vain for %q in %q", word, out.String())
			}
		}
	}
	out, code := start("printer")
	if got := <-code; got != station.ExitDone || !strings.Contains(out.String(), "[通过 ok] 打印后的状态 / status after printing：ok") ||
		!strings.Contains(out.String(), " printer > 10 04 01") {
		t.Errorf("try printer: exit code %d, %s", got, out.String())
	}
	if paper := h.paper(t); !slices.Contains(paper.Lines, "A012") || !slices.Contains(paper.QR, trial.QR) {
		t.Errorf("paper %q", paper.Lines)
	}
	h.printer.SetOut(true)
	out, code = start("printer")
	if got := <-code; got != station.ExitRefused || !strings.Contains(out.String(), "缺纸：请装纸") {
		t.Errorf("try printer without paper: exit code %d, %s", got, out.String())
	}
	out, code = start("keypad")
	for n := range 3 {
		until(out, "Press each key once")
		h.press(t, n+1)
	}
	if got := <-code; got != station.ExitDone || !strings.Contains(out.String(), "key choose 3") {
		t.Errorf("try keypad: exit code %d, %s", got, out.String())
	}
	out, code = start("card")
	for n, word := range []string{"Tap a card", "tap 1", "tap 2", "Hold the card"} {
		until(out, word)
		if n > 0 {
			h.away(t)
		}
		if err := h.reader.Tap(virtual.CardHex(0x10, 8844356)); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-code; got != station.ExitDone || strings.Count(out.String(), proto.CardDigest(cardNumber)) != 1 ||
		!strings.Contains(out.String(), "counts as 1 tap") || !strings.Contains(out.String(), " card_reader < 02 ") {
		t.Errorf("try card: exit code %d, %s", got, out.String())
	}
}

// away waits until a card that was just read counts as taken away: a second in which nothing is heard of it.
func (h *hall) away(t *testing.T) {
	t.Helper()
	gone := time.NewTimer(1200 * time.Millisecond)
	defer gone.Stop()
	select {
	case <-gone.C:
	case <-t.Context().Done():
		t.Fatal("the test was ended")
	}
}
