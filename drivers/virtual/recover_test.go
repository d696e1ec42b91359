package virtual

import (
	"io"
	"strings"
	"testing"
)

// heard reads n bytes that the printer sends by itself.
func (b *bench) heard(n int) string {
	b.t.Helper()
	x := make([]byte, n)
	if _, err := io.ReadFull(b.line, x); err != nil {
		b.t.Fatal(err)
	}
	return string(x)
}

// A latched fault of the cutter outlives its cause, and no DLE ENQ helps before that is gone: DLE ENQ 2 then forgets the
// ticket, DLE ENQ 1 prints the rest of it.
func TestPrinterRecovers(t *testing.T) {
	for n, want := range map[string]string{"\x01": "half|rest", "\x02": "half"} {
		b := newBench(t, PrinterOptions{Latches: true})
		b.write("\x1b@half\n")
		b.ask(1)
		b.twin.SetCutterError(true)
		b.write("rest\n\x10\x05" + n)
		if got := b.ask(3); got != 0x1a {
			t.Errorf("jammed: % x", got)
		}
		b.twin.SetCutterError(false)
		if got := b.ask(3); got != 0x1a {
			t.Errorf("freed: % x", got)
		}
		b.write("\x10\x05" + n)
		if got := b.ask(3); got != 0x12 {
			t.Errorf("recovered: % x", got)
		}
		b.write("\x1dV\x00")
		got := strings.Join(b.paper().Lines, "|")
		if n == "\x02" && got != want || n == "\x01" && !strings.HasPrefix(got, want) {
			t.Errorf("DLE ENQ % x: %q, want %q", n, got, want)
		}
	}
}

// A printer whose switches say so tells by itself from the start, in the middle of anything.
func TestPrinterTellsUnasked(t *testing.T) {
	b := newBench(t, PrinterOptions{Tells: true})
	b.ask(1)
	b.twin.SetLow(true)
	if got := b.heard(4); got != "\x10\x00\x03\x00" {
		t.Errorf("% x", got)
	}
	b.twin.PowerCycle()
	if got := b.heard(4); got != "\x10\x00\x03\x00" {
		t.Errorf("after the power switch % x", got)
	}
}

// A full buffer stops the line by XOFF once, and room lets it go on by XON.
func TestPrinterXonXoff(t *testing.T) {
	b := newBench(t, PrinterOptions{XonXoff: true})
	b.twin.SetOut(true)
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(b.line, strings.Repeat("x\n", inputBuffer/2+300))
		wrote <- err
	}()
	if got := b.heard(1); got != "\x13" {
		t.Errorf("full: % x", got)
	}
	b.twin.SetOut(false)
	if got := b.heard(1); got != "\x11" {
		t.Errorf("room: % x", got)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}
