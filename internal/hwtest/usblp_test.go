//go:build hwtest

package hwtest

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"quhao/drivers/virtual"
)

const (
	classTickets = 5
	classPlugs   = 5
)

// classFigures are what was done with a printer of the USB printer class.
type classFigures struct {
	tickets, halves, plugs int
	found                  time.Duration
}

func (f classFigures) String() string {
	return fmt.Sprintf("USB class printer: tickets printed %d, unplugged in the middle of a ticket %d, unplug cycles %d, found again within %v",
		f.tickets, f.halves, f.plugs, f.found.Round(time.Millisecond))
}

// classPrinter is a printer of the USB printer class, which the guest plugs into itself, with a twin behind it.
type classPrinter struct {
	m    *machine
	addr string // of the twin, as the guest sees it
}

func (p *classPrinter) plug() {
	p.m.t.Helper()
	p.m.must("PlugPrinter", p.addr, &struct{}{})
}

func (p *classPrinter) pull() {
	p.m.t.Helper()
	p.m.must("UnplugPrinter", struct{}{}, &struct{}{})
}

// testUSBPrinter prints by the kernel's usblp: whole tickets, of which the printer was asked how they came out; half a one
// when it is pulled out in the middle; and whole ones again after it was unplugged again and again.
func testUSBPrinter(t *testing.T, m *machine, f *figures) {
	h := newHall(t, m, "usblp", "kiosk-2")
	defer h.close()
	printer := &classPrinter{m: m, addr: listenTwin(t, h.printer)}
	printer.plug()
	h.startKiosk()
	base := h.goroutines()
	c := &f.class
	ticket := func() {
		h.pressNext("CHOOSE")
		h.whole()
		c.tickets++
	}
	for range classTickets {
		ticket()
	}
	h.halfOf(printer, c)
	ticket()
	c.plugs += h.cycles(classPlugs, printer, &c.found)
	ticket()
	h.leaks(base, c.plugs+c.halves)
	printer.pull()
	h.stop()
	h.books(c.tickets, c.halves)
}

// pressNext presses the key that was pressed last, as the next visitor does: what comes within 250 ms counts as bounce.
func (h *hall) pressNext(line string) {
	h.m.t.Helper()
	h.m.must("Play", append([]Step{{line, true, 300 * time.Millisecond}}, pressed(line)...), &Played{})
}

// halfOf lets the printer stop in the middle of a ticket and pulls it out there.
func (h *hall) halfOf(printer *classPrinter, c *classFigures) {
	h.m.t.Helper()
	h.m.must("StopPrinter", midway, &struct{}{})
	h.pressNext("CHOOSE")
	h.m.within("half a ticket", func() bool {
		var took Taken
		h.m.must("PrinterTook", struct{}{}, &took)
		return took.Full
	})
	printer.pull()
	h.kioskSees("a doubtful ticket", func(p kioskState) bool { return p.Screen.State == "check" && p.Printer == "gone" })
	h.printer.Tear()
	number, p := h.paper()
	if number == "" || p.Cut {
		h.m.fatal("this is no half ticket: %q", p.Lines)
	}
	h.half = number
	c.halves++
	h.found(printer, &c.found)
	h.kioskReady()
}

// listenTwin serves a twin to whoever calls, one after the other, and returns its address as the guest sees it.
func listenTwin(t *testing.T, twin virtual.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				done <- nil // the end of the test
				return
			}
			if err := twin.Serve(ctx, conn); err != nil {
				done <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = l.Close() // ends Accept
		if err := <-done; err != nil {
			t.Errorf("the twin: %v", err)
		}
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(HostAddr, port)
}
