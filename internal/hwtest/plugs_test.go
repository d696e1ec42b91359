//go:build hwtest

package hwtest

import (
	"maps"
	"strings"
	"syscall"
	"time"
)

const (
	plugs = 20
	// foundWithin is how soon a thing that is plugged in again has to work.
	foundWithin = 5 * time.Second
	// inFlight is how many goroutines more one moment may have than another; a leak would be one for each plug.
	inFlight = 4
	// midway is the question for the printer's state and the first part of a ticket, its number included.
	midway = 120
)

// pluggable is something with a plug.
type pluggable interface {
	plug()
	pull()
}

// testPlugs pulls the printer's adapter out in the middle of a ticket, and then again and again.
func testPlugs(h *hall, f *figures) {
	h.m.t.Helper()
	base := h.goroutines()
	h.midTicket(f)
	f.plugs += h.cycles(plugs, h.wires["printer"], &f.found)
	h.tapAfter(f)
	h.leaks(base, f.plugs)
	if s := h.wires["other"].strayed(); s != "" {
		h.m.t.Errorf("another adapter was sent %q", s)
	}
}

// cycles pulls the printer out and plugs it in again, n times. The kiosk must not hold more at the end than after the
// first time.
func (h *hall) cycles(n int, printer pluggable, longest *time.Duration) (done int) {
	h.m.t.Helper()
	var before, after Held
	for done < n {
		printer.pull()
		h.kioskSees("that the printer is gone", func(p kioskState) bool { return p.Printer == "gone" })
		h.found(printer, longest)
		done++
		if after = h.kiosk.held(); done == 1 {
			before = after
		}
	}
	if len(after.Files) > len(before.Files) {
		h.m.t.Errorf("%d descriptors after %d plugs, %d before: %q", len(after.Files), n, len(before.Files), after.Files)
	}
	return done
}

// leaks compares the goroutines of the kiosk with what they were before it was plugged so often.
func (h *hall) leaks(base, plugs int) {
	h.m.t.Helper()
	if now := h.goroutines(); now > base+inFlight {
		h.m.t.Errorf("%d goroutines after %d plugs, %d before", now, plugs, base)
	}
}

// midTicket pulls the printer out in the middle of a ticket, and puts it back when another adapter has taken its name.
func (h *hall) midTicket(f *figures) {
	h.m.t.Helper()
	printer, other := h.wires["printer"], h.wires["other"]
	was := h.target(printer)
	half := printer.stopAfter(midway)
	h.card(visitors)
	select {
	case <-half:
	case <-time.After(endurance):
		h.m.fatal("no half ticket")
	}
	printer.pull()
	h.kioskSees("a doubtful ticket", func(p kioskState) bool { return p.Screen.State == "check" && p.Printer == "gone" })
	h.printer.Tear()
	number, p := h.paper()
	if p.Cut {
		h.m.t.Errorf("half a ticket was cut off: %q", p.Lines)
	}
	other.plug()
	h.m.within("another adapter", func() bool { return h.target(other) != "" })
	if is := h.target(other); is != was {
		h.m.t.Errorf("the other adapter is %s, not %s", is, was)
	}
	h.found(printer, &f.found)
	if is := h.target(printer); is == was {
		h.m.t.Errorf("the printer is %s again", is)
	}
	h.kioskReady()
	h.half = number
	h.tapAfter(f)
	f.halves++
}

// target is the name that the kernel has given to an adapter, empty while it is not plugged in.
func (h *hall) target(w *wire) string {
	h.m.t.Helper()
	var links map[string]string
	h.m.must("Links", struct{}{}, &links)
	return links[w.link()]
}

// found plugs the printer in and waits until the kiosk has found it again; longest keeps the longest time of all.
func (h *hall) found(printer pluggable, longest *time.Duration) {
	h.m.t.Helper()
	start := h.m.uptime()
	printer.plug()
	h.kioskSees("the printer found again", func(p kioskState) bool { return p.Printer == "ok" })
	took := h.m.uptime() - start
	if *longest = max(*longest, took); took > foundWithin {
		h.m.t.Errorf("the printer was found after %v", took)
	}
}

// tapAfter lets the next visitor tap.
func (h *hall) tapAfter(f *figures) {
	h.m.t.Helper()
	h.kioskReady()
	f.taps++
	f.tickets++
	h.tap(100 + f.taps)
}

// goroutines starts the kiosk anew and returns how many goroutines the one before had: its last words on SIGQUIT.
func (h *hall) goroutines() int {
	h.m.t.Helper()
	h.kioskReady()
	h.kiosk.end(syscall.SIGQUIT)
	n := strings.Count(h.kiosk.text, "\ngoroutine ")
	if n == 0 {
		h.m.fatal("the kiosk tells of no goroutines: %s", h.kiosk.last())
	}
	h.startKiosk()
	h.kioskReady()
	return n
}

// close ends the programs in order and pulls everything out. If something went wrong it shows first how things stand.
func (h *hall) close() {
	programs := map[string]*running{kioskPage: h.kiosk, unitPage: h.unit}
	maps.DeleteFunc(programs, func(_ string, r *running) bool { return r == nil })
	for addr, r := range programs {
		if h.m.t.Failed() {
			var page string
			err := h.m.call("Get", "http://"+addr+"/state", &page)
			h.m.t.Logf("the page of %s: %s %v; it said:\n%s", r.name, page, err, r.last())
		}
		if r.end(syscall.SIGTERM); r.how != "" {
			h.m.t.Errorf("%s ends with %s:\n%s", r.name, r.how, r.last())
		}
	}
	h.stop()
	if h.unit != nil {
		h.m.qmp.unplug("wedge")
	}
	for _, w := range h.wires {
		if w.conn != nil {
			w.pull()
		}
	}
}
