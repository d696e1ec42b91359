package printer_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"quhao/drivers/printer"
	"quhao/drivers/virtual"
)

// Each trouble that the twin can be in, written into it from the manual, is read as the word that a person acts on;
// of two troubles, the one to see to first.
func TestStateOfTwin(t *testing.T) {
	twin := virtual.NewPrinter(virtual.PrinterOptions{})
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- twin.Serve(t.Context(), far) }()
	if err := near.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	type sets = []func(bool)
	for _, c := range []struct {
		name string
		set  sets
		want printer.State
	}{
		{"nothing", nil, printer.OK},
		{"near the end", sets{twin.SetLow}, printer.Low},
		{"paper out", sets{twin.SetOut}, printer.Out},
		{"near the end, then out", sets{twin.SetLow, twin.SetOut}, printer.Out},
		{"cover", sets{twin.SetCover}, printer.Open},
		{"cover open to put a roll in", sets{twin.SetOut, twin.SetCover}, printer.Open},
		{"cutter jammed", sets{twin.SetCutterError}, printer.Error},
		{"cutter jammed near the end", sets{twin.SetLow, twin.SetCutterError}, printer.Error},
		{"head too hot", sets{twin.SetOverheated}, printer.Error},
	} {
		for _, on := range []bool{true, false} {
			for _, set := range c.set {
				set(on)
			}
			want := c.want
			if !on {
				want = printer.OK
			}
			if got := stateOver(t, near); got != want {
				t.Errorf("%s (%t): %q, want %q", c.name, on, got, want)
			}
		}
	}
	if err := errors.Join(near.Close(), <-served); err != nil {
		t.Error(err)
	}
}

// stateOver asks over the line and decodes what comes, in pieces as it comes.
func stateOver(t *testing.T, line io.ReadWriter) printer.State {
	t.Helper()
	e := printer.NewESCPOS()
	asked := make(chan error, 1)
	go func() {
		_, err := line.Write(e.Ask())
		asked <- err
	}()
	var buf []byte
	for {
		one := make([]byte, 4)
		n, err := line.Read(one)
		if err != nil {
			t.Fatalf("after % x: %v", buf, err)
		}
		buf = append(buf, one[:n]...)
		used, s, err := e.DecodeStatus(buf)
		if err != nil {
			t.Fatal(err)
		}
		if s.State != "" {
			if err := <-asked; err != nil {
				t.Fatal(err)
			}
			return s.State
		}
		buf = buf[used:]
	}
}
