package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"quhao/drivers/virtual"
)

// hallWith is the virtual hall's configuration with other options of kiosk-1's printer.
func hallWith(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "configs", "hall"))); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "devices", "kiosk-1.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	with := bytes.Replace(text, []byte("driver: escpos,"), []byte("driver: escpos, options: {"+options+"},"), 1)
	if bytes.Equal(with, text) {
		t.Fatalf("no printer in %s", text)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, with, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A printer that has never answered prints, and its health says that nobody knows how.
func TestPrinterThatNeverAnswers(t *testing.T) {
	t.Parallel()
	h := openWith(t, filepath.Join("..", "configs", "hall"), virtual.PrinterOptions{}, func(p *virtual.Printer) { p.SetMute(true) })
	h.state(t, "a printer that answers nothing", func(p page) bool {
		return p.Session && p.Printer == "mute" && p.Parts["printer"] == "mute" && p.Screen.State == "idle"
	})
	h.press(t, 3)
	h.paper(t)
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end sent"}) })
}

// A printer that tells by itself is known to be out of paper long before it would be asked, and well again as soon; it may
// do so because it was asked to, or because a switch in it says so.
func TestPrinterThatTells(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options string
		twin    virtual.PrinterOptions
	}{"asked to": {"status: automatic", virtual.PrinterOptions{}}, "by its switch": {"status: ask", virtual.PrinterOptions{Tells: true}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellsAll(t, openWith(t, hallWith(t, c.options), c.twin, func(*virtual.Printer) {}))
		})
	}
}

func tellsAll(t *testing.T, h *hall) {
	h.state(t, "a session and a printer", ready)
	changes, start := 0, time.Now()
	for _, c := range []struct {
		set  func(bool)
		want string
	}{{h.printer.SetOut, "out"}, {h.printer.SetCover, "open"}, {h.printer.SetLow, "low"}, {h.printer.SetOverheated, "error"}} {
		for _, on := range []bool{true, false} {
			want := "ok"
			if on {
				want = c.want
			}
			c.set(on)
			h.state(t, want, func(p page) bool { return p.Printer == want })
			changes++
		}
	}
	// Each comes right after the one before was seen: if they were asked for, each would take the whole pause between two questions.
	if took, asked := time.Since(start), time.Duration(changes)*pollEvery; took > asked/2 {
		t.Errorf("%d changes were seen within %v: not told, but asked for", changes, took)
	}
	h.press(t, 3)
	h.paper(t)
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end asked"}) })
}

// The paper ends in the middle: nobody knows whether the visitor has the number. It has ended before: no paper was begun.
func TestPrinterTellsWhereThePaperEnds(t *testing.T) {
	t.Parallel()
	h := openWith(t, hallWith(t, "status: automatic"), virtual.PrinterOptions{}, func(*virtual.Printer) {})
	h.state(t, "a session and a printer", ready)
	h.printer.SetOutAfter(100)
	h.press(t, 3)
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end unknown"}) })
	h.state(t, "the printer without paper", func(p page) bool { return p.Printer == "out" && p.Screen.State == "printer_out" })
	h.press(t, 3)
	if _, err := fmt.Fprint(h.keys, "no key\r"); err != nil { // counted when the key before it was read
		t.Fatal(err)
	}
	h.state(t, "the press", func(p page) bool { return p.Noise["keypad"] == 1 })
	h.printer.SetOut(false)
	h.state(t, "paper", func(p page) bool { return p.Printer == "ok" })
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if n := len(h.c.cmds); n != 1 {
		t.Errorf("%d numbers asked for, want 1", n)
	}
}

// The cutter fails in the middle of a ticket and is freed: the printer is brought back by DLE ENQ, without the other half.
func TestPrinterIsRecovered(t *testing.T) {
	t.Parallel()
	h := openWith(t, hallWith(t, "status: automatic, recover: enq"), virtual.PrinterOptions{Latches: true}, func(*virtual.Printer) {})
	h.state(t, "a session and a printer", ready)
	h.printer.SetCutterError(true)
	h.state(t, "the fault", func(p page) bool { return p.Printer == "error" })
	h.printer.SetCutterError(false)
	h.state(t, "the recovery", func(p page) bool { return p.Printer == "ok" })
	h.press(t, 3)
	h.paper(t)
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end asked"}) })
}

// A printer that has stopped and answers no more is still what it said it was: out of paper, and not gone.
func TestPrinterThatStoppedAndFellSilent(t *testing.T) {
	t.Parallel()
	h := openWith(t, filepath.Join("..", "configs", "hall"), virtual.PrinterOptions{}, func(*virtual.Printer) {})
	h.state(t, "a session and a printer", ready)
	h.printer.SetOut(true)
	h.state(t, "the end of the paper", func(p page) bool { return p.Printer == "out" })
	asked := h.printer.Waiting()
	h.printer.SetMute(true)
	h.state(t, "another question", func(p page) bool { return h.printer.Waiting() >= asked+12 })
	h.printer.SetMute(false)
	h.printer.SetOut(false)
	h.state(t, "new paper", func(p page) bool {
		if p.Printer == "gone" {
			t.Error("a printer without paper counts as gone")
		}
		return p.Printer == "ok"
	})
}
