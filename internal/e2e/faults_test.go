package e2e

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"quhao/daemon/queue"
	"quhao/drivers/virtual"
)

const (
	wholeAsk = 12  // bytes of a question for the printer's status
	wholeOn  = 3   // bytes by which a printer that tells by itself is asked
	midway   = 120 // bytes of a question and the first part of a ticket, its number included
)

// line is the cable of a printer, which can stop after so many bytes: what came until then the printer has obeyed.
type line struct {
	twin virtual.Server

	mu   sync.Mutex
	left int       // bytes until it stops; only with stop
	stop *stopping // nil: it does not
}

// stopping is a stop of a line.
type stopping struct{ reached, goOn chan struct{} }

// stopAfter stops the line after n bytes from now: reached is closed then, and nothing is read before goOn is.
func (l *line) stopAfter(n int) *stopping {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.stop = n, &stopping{make(chan struct{}), make(chan struct{})}
	return l.stop
}

// Serve implements virtual.Server.
func (l *line) Serve(ctx context.Context, rw io.ReadWriter) error {
	return l.twin.Serve(ctx, &slow{ReadWriter: rw, ctx: ctx, line: l})
}

// slow is what the printer reads from: a few bytes at a time.
type slow struct {
	io.ReadWriter
	ctx  context.Context
	line *line
}

// Read implements io.Reader. The bytes read before have been obeyed when it is called again.
func (s *slow) Read(b []byte) (int, error) {
	l := s.line
	l.mu.Lock()
	stop := l.stop
	if stop != nil && l.left <= 0 {
		l.stop = nil
	} else {
		stop = nil
	}
	l.mu.Unlock()
	if stop != nil {
		close(stop.reached)
		select {
		case <-stop.goOn:
		case <-s.ctx.Done():
		}
	}
	n, err := s.ReadWriter.Read(b[:min(len(b), 8)])
	l.mu.Lock()
	l.left -= n
	l.mu.Unlock()
	return n, err
}

// fault is one thing that goes wrong with a printer, and what is to come of it.
type fault struct {
	name   string
	make   func(*kioskProgram)
	when   moment
	says   string // with noticed: the printer's state on the kiosk's page
	repair func(*kioskProgram)

	screen string            // the state of the screen after the tap
	state  queue.TicketState // of the ticket; empty: no number was taken
	paper  queue.Paper
	pieces int // pieces of paper with the number on them, before the next visitor
}

// moment is when a fault is made.
type moment int

const (
	noticed moment = iota // long before the tap: the kiosk has seen it
	justNow               // the moment before the tap, after the kiosk has asked the printer
	middle                // while the ticket is printed
)

// String names the moment for the table.
func (m moment) String() string {
	return [...]string{"before the tap", "just before the tap", "in the middle"}[m]
}

// faultRow is what came of a fault.
type faultRow struct {
	f      fault
	device string
	words  string
	pieces int
}

func (k *kioskProgram) unplug() {
	if err := k.cables["printer"].Cut(); err != nil {
		k.t.Error(err)
	}
}

// plugIn plugs the printer in again and tears off what hangs out of it.
func (k *kioskProgram) plugIn() {
	k.printer.Tear()
	if err := k.cables["printer"].Plug(k.t.Context(), k.line); err != nil {
		k.t.Error(err)
	}
}

// printerFaults are all faults of a printer that a centre meets.
func printerFaults() []fault {
	out := func(on bool) func(*kioskProgram) { return func(k *kioskProgram) { k.printer.SetOut(on) } }
	cover := func(on bool) func(*kioskProgram) { return func(k *kioskProgram) { k.printer.SetCover(on) } }
	cutter := func(on bool) func(*kioskProgram) { return func(k *kioskProgram) { k.printer.SetCutterError(on) } }
	hot := func(on bool) func(*kioskProgram) { return func(k *kioskProgram) { k.printer.SetOverheated(on) } }
	low := func(on bool) func(*kioskProgram) { return func(k *kioskProgram) { k.printer.SetLow(on) } }
	mute := func(on bool) func(*kioskProgram) { return func(k *kioskProgram) { k.printer.SetMute(on) } }
	unplug, plug := (*kioskProgram).unplug, (*kioskProgram).plugIn
	return []fault{
		{"paper out", out(true), noticed, "out", out(false), "printer_out", "", "", 0},
		{"paper out", out(true), justNow, "", out(false), "no_paper", queue.Void, queue.PaperNone, 0},
		{"paper out", out(true), middle, "", out(false), "check", queue.Waiting, queue.PaperUnknown, 1},
		{"paper near its end", low(true), noticed, "low", low(false), "take", queue.Waiting, queue.PaperAsked, 1},
		{"cover open", cover(true), noticed, "open", cover(false), "printer_open", "", "", 0},
		{"cover opened", cover(true), middle, "", cover(false), "check", queue.Waiting, queue.PaperUnknown, 1},
		{"cutter jammed", cutter(true), noticed, "error", cutter(false), "printer_error", "", "", 0},
		{"cutter jammed", cutter(true), middle, "", cutter(false), "check", queue.Waiting, queue.PaperUnknown, 1},
		{"overheated", hot(true), noticed, "error", hot(false), "printer_error", "", "", 0},
		{"overheated", hot(true), middle, "", hot(false), "check", queue.Waiting, queue.PaperUnknown, 1},
		{"answers nothing", mute(true), noticed, "gone", mute(false), "printer_error", "", "", 0},
		{"answers nothing", mute(true), justNow, "", mute(false), "take", queue.Waiting, queue.PaperSent, 1},
		{"cable unplugged", unplug, noticed, "gone", plug, "printer_error", "", "", 0},
		{"cable unplugged", unplug, middle, "", plug, "check", queue.Waiting, queue.PaperUnknown, 1},
		{"power cut (kill -9 of the kiosk)", (*kioskProgram).kill9, middle, "", (*kioskProgram).start9, "", queue.Waiting, queue.PaperUnknown, 1},
	}
}

func (k *kioskProgram) kill9()  { k.kill() }
func (k *kioskProgram) start9() { k.start() }

// faulty is a kind of printer that is made to fail.
type faulty struct {
	name    string
	options string // of the driver
	twin    virtual.PrinterOptions
	ask     int // bytes of a question
	faults  []fault
}

// TestPrinterFaults makes each fault with the twin of the printer under the real kiosk and the real controller: what the
// screen says, what the database holds, and that the next visitor gets a number after the repair. One printer is asked,
// the other tells by itself, and its cutter does not recover without being told to.
func TestPrinterFaults(t *testing.T) {
	known := printerFaults()
	told := slices.DeleteFunc(slices.Clone(known), func(f fault) bool {
		return f.name == "paper out" && f.when == justNow // there is no such moment: it has told before the tap
	})
	for _, p := range []faulty{
		{"asked", "status: ask", virtual.PrinterOptions{}, wholeAsk, known},
		{"telling", "status: automatic, recover: enq", virtual.PrinterOptions{Latches: true}, wholeOn, told},
	} {
		t.Run(p.name, func(t *testing.T) { testFaults(t, p) })
	}
}

func testFaults(t *testing.T, printer faulty) {
	faults := printer.faults
	d := newDaemon(t, writeCentre(t, len(faults), 1))
	fitPrinters(t, d.conf, printer.options)
	all := make([]*kioskProgram, len(faults))
	for i := range faults {
		all[i] = startESCPOS(t, d, fmt.Sprintf("kiosk-%d", i+1), printer.twin)
		all[i].ask = printer.ask
	}
	d.start()
	rows := make([]faultRow, len(faults))
	var group sync.WaitGroup
	for i, f := range faults {
		group.Go(func() { // not t.Parallel, which lets only as many at once as there are processors: these mostly wait
			t.Run(f.name+" "+f.when.String(), func(t *testing.T) {
				all[i].t = t
				rows[i] = suffer(all[i], f)
			})
		})
	}
	group.Wait()
	d.stop()
	books := d.books()
	var table strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&table, r.check(t, books))
	}
	t.Logf("faults of a printer that is %s; %s\n| fault | when | the kiosk's screen | number taken | `end` | ticket | paper with the number |\n|---|---|---|---|---|---|---|\n%s", printer.name, d.verify(), &table)
}

// startESCPOS starts a kiosk with a printer that speaks ESC/POS.
func startESCPOS(t *testing.T, d *daemon, id string, o virtual.PrinterOptions) *kioskProgram {
	t.Helper()
	k := &kioskProgram{slot: new(slot)}
	o.OnPaper = k.slot.take
	k.printer = virtual.NewPrinter(o)
	k.line = &line{twin: k.printer}
	keys := virtual.NewTypist()
	k.appliance = newAppliance(t, d, id, "quhao-kiosk", keys, map[string]virtual.Server{"printer": k.line, "keypad": keys})
	return k
}

// suffer makes the fault, taps, repairs it, and lets the next visitor take a number.
func suffer(k *kioskProgram, f fault) faultRow {
	k.t.Helper()
	r := faultRow{f: f, device: k.id}
	k.ready()
	switch f.when {
	case noticed:
		f.make(k)
		k.page("the printer is "+f.says, func(p kioskPage) bool { return p.Printer == f.says })
		k.tap()
	case justNow:
		asked := k.line.stopAfter(k.ask)
		<-asked.reached
		f.make(k)
		close(asked.goOn)
		k.tap()
	case middle:
		half := k.line.stopAfter(midway)
		k.tap()
		<-half.reached
		f.make(k)
		close(half.goOn)
	}
	if f.screen != "" {
		r.words = k.page("the screen "+f.screen, func(p kioskPage) bool { return p.Screen.State == f.screen }).words()
	}
	if f.state == "" {
		k.pressed()
	}
	f.repair(k)
	k.ready()
	k.printer.Tear()
	r.pieces = len(k.slot.numbers())
	k.number()
	k.ready() // its facts are taken
	return r
}

// pressed waits until every press so far has been dealt with: what nobody understands is counted behind them.
func (k *kioskProgram) pressed() {
	k.t.Helper()
	was := k.page("its page", func(kioskPage) bool { return true }).Noise["keypad"]
	k.press("rubbish")
	k.page("the rubbish typed", func(p kioskPage) bool { return p.Noise["keypad"] > was })
}

// check compares what the database holds with what is to be there, and returns a row of the table.
func (r faultRow) check(t *testing.T, s *queue.State) string {
	t.Helper()
	var mine []*queue.Ticket
	for _, ticket := range s.Tickets {
		if ticket.Device == r.device {
			mine = append(mine, ticket)
		}
	}
	slices.SortFunc(mine, func(a, b *queue.Ticket) int { return a.Num - b.Num })
	name := r.f.name + " " + r.f.when.String()
	want := 2
	if r.f.state == "" {
		want = 1
	}
	if len(mine) != want {
		t.Errorf("%s: %d tickets, want %d", name, len(mine), want)
		return "| " + name + " | | | | | | |"
	}
	if r.pieces != r.f.pieces {
		t.Errorf("%s: %d papers with the number, want %d", name, r.pieces, r.f.pieces)
	}
	if next := mine[len(mine)-1]; next.State != queue.Waiting || paperOf(next) != queue.PaperAsked {
		t.Errorf("%s: the next visitor's ticket is %s, its paper %q", name, next.State, paperOf(next))
	}
	screen := r.words
	if screen == "" {
		screen = "dark; after the restart as always"
	}
	if want == 1 {
		return fmt.Sprintf("| %s | %s | %s | no | - | - | - |", r.f.name, r.f.when, screen)
	}
	first := mine[0]
	if first.State != r.f.state || paperOf(first) != r.f.paper {
		t.Errorf("%s: ticket %s is %s, its paper %q; want %s, %q", name, first.Number, first.State, paperOf(first), r.f.state, r.f.paper)
	}
	return fmt.Sprintf("| %s | %s | %s | yes | %s | %s | %d |", r.f.name, r.f.when, screen, paperOf(first), first.State, r.pieces)
}

// paperOf is how the only possible paper of a ticket came out.
func paperOf(t *queue.Ticket) queue.Paper {
	for _, p := range t.Papers {
		if len(t.Papers) == 1 {
			return p
		}
	}
	return queue.Paper(fmt.Sprintf("%d papers", len(t.Papers)))
}
