//go:build hwtest

package hwtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"quhao/drivers/virtual"
)

// The state pages of the device programs, within the guest.
const (
	kioskPage = "127.0.0.1:9001"
	unitPage  = "127.0.0.1:9002"
)

// hall is a centre with its controller on the host, beyond the guest's network, and its devices in the guest.
type hall struct {
	m          *machine
	name       string // of its folder in the guest
	id         string // of its kiosk
	bin        string // quhaod
	conf, data string
	port, http string // of quhaod: the encrypted port of the broker, the pages
	printer    *virtual.Printer
	slot       *slot
	led        *virtual.LED
	wires      map[string]*wire
	kiosk      *running
	unit       *running // nil in a hall without
	stop       func()   // ends quhaod, once
	half       string   // the number of which half a ticket was printed
}

// newHall starts the controller and enrols a kiosk and what else there is.
func newHall(t *testing.T, m *machine, name, kiosk string, others ...string) *hall {
	t.Helper()
	h := &hall{m: m, name: name, id: kiosk, bin: filepath.Join(t.TempDir(), "quhaod"), data: filepath.Join(t.TempDir(), "quhaod"), port: freePort(t), http: freePort(t), slot: newSlot()}
	build(t, h.bin, "quhao/daemon")
	h.conf = h.centre()
	for _, id := range append(others, kiosk) {
		text := h.tell("enrol", "-config", h.conf, "-mqtt", HostAddr+":"+h.port, id)
		m.must("Write", File{Path: h.file(id) + ".yaml", Text: text}, &struct{}{})
	}
	h.controller()
	h.printer = virtual.NewPrinter(virtual.PrinterOptions{OnPaper: h.slot.take})
	return h
}

// openHall plugs everything in and starts the programs.
func openHall(t *testing.T, m *machine, name string) *hall {
	t.Helper()
	h := newHall(t, m, name, "kiosk-1", "unit-1")
	h.led = virtual.NewLED(nil)
	h.wires = map[string]*wire{"printer": newWire(m, "printer", h.printer), "led": newWire(m, "led", h.led), "other": newWire(m, "other", nil)}
	h.wires["printer"].plug()
	h.wires["led"].plug()
	m.qmp.plug("wedge", "usb-kbd", map[string]any{"serial": "WEDGE"})
	h.startKiosk()
	h.unit = m.start("quhao-display", "-config", h.file("unit-1")+".yaml", "-data", h.file("unit-1"), "-http", unitPage)
	h.kioskReady()
	h.unitSees("ready", func(p unitState) bool { return p.Ready && !p.Stale && p.Parts["led c1"] == "ok" })
	return h
}

// file is where a device's folder is in the guest; its identity lies beside it.
func (h *hall) file(id string) string { return "/var/" + h.name + "/" + id }

func (h *hall) startKiosk() {
	h.kiosk = h.m.start("quhao-kiosk", "-config", h.file(h.id)+".yaml", "-data", h.file(h.id), "-http", kioskPage)
}

// centre copies the configuration with the ports of this run.
func (h *hall) centre() string {
	h.m.t.Helper()
	dir := filepath.Join(h.m.t.TempDir(), "centre")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "centre"))); err != nil {
		h.m.t.Fatal(err)
	}
	file := filepath.Join(dir, "centre.yaml")
	text := read(h.m.t, os.DirFS(dir), "centre.yaml")
	ports := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("127.0.0.1:8883"), []byte("127.0.0.1:"+h.port)), []byte("127.0.0.1:1883"), []byte("127.0.0.1:"+freePort(h.m.t)))
	if err := os.WriteFile(file, ports, 0o600); err != nil {
		h.m.t.Fatal(err)
	}
	return dir
}

// controller starts quhaod and waits until it answers.
func (h *hall) controller() {
	t := h.m.t
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(h.bin, "run", "-config", h.conf, "-data", h.data, "-http", "127.0.0.1:"+h.http)
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("quhaod: %v", err)
		}
		if t.Failed() {
			t.Logf("quhaod said:\n%s", tail(log.String(), 15))
		}
	})
	t.Cleanup(h.stop)
	h.m.within("quhaod healthy", func() bool {
		res, err := http.Get("http://127.0.0.1:" + h.http + "/healthz")
		return err == nil && res.Body.Close() == nil
	})
}

// tell runs a command of quhaod and returns what it says.
func (h *hall) tell(words ...string) string {
	h.m.t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(h.bin, append([]string{words[0], "-data", h.data}, words[1:]...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		h.m.fatal("quhaod %s: %v\n%s", strings.Join(words, " "), err, errs.String())
	}
	return string(out)
}

// kioskState is what these tests read of the kiosk's page.
type kioskState struct {
	Screen  struct{ State, Number string }
	Printer string
	Parts   map[string]string
	Session bool
	Journal struct{ Next, Acked uint64 }
}

func (p kioskState) ready() bool {
	well := p.Parts["keypad"] == "ok"
	for _, state := range p.Parts {
		well = well && state == "ok"
	}
	return well && p.Session && (p.Printer == "ok" || p.Printer == "low") && p.Journal.Acked+1 == p.Journal.Next
}

// unitState is what these tests read of the counter unit's page.
type unitState struct {
	Ready, Stale bool
	Parts        map[string]string
	Journal      struct{ Pending int }
	Counters     []struct {
		S, Text, Number string
		Lamp, Busy      bool
		Rating          bool
	}
}

// sees looks at a page of the guest until it is as wanted.
func sees[T any](m *machine, addr, what string, want func(T) bool) T {
	m.t.Helper()
	var text string
	inVain := m.waiting()
	tick := time.NewTicker(20 * time.Millisecond) // the guest's processor has other things to do as well
	defer tick.Stop()
	for ; ; <-tick.C {
		var p T
		if err := m.call("Get", "http://"+addr+"/state", &text); err == nil {
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				m.fatal("%s: %v: %s", addr, err, text)
			}
			if want(p) {
				return p
			}
		}
		if inVain() {
			m.fatal("in vain: %s: %s", what, text)
		}
	}
}

func (h *hall) kioskSees(what string, want func(kioskState) bool) kioskState {
	h.m.t.Helper()
	return sees(h.m, kioskPage, "the kiosk: "+what, want)
}

func (h *hall) kioskReady() { h.m.t.Helper(); h.kioskSees("ready", kioskState.ready) }

func (h *hall) unitSees(what string, want func(unitState) bool) unitState {
	h.m.t.Helper()
	return sees(h.m, unitPage, "the counter unit: "+what, want)
}

// freePort returns a port of this machine that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// numberOnPaper finds the number of a ticket on its paper.
var numberOnPaper = regexp.MustCompile(`(?m)^A[U-Z]{0,2}\d{2,4}$`)

// slot is where papers come out.
type slot struct{ papers chan virtual.Paper }

func newSlot() *slot { return &slot{papers: make(chan virtual.Paper, 256)} }

func (s *slot) take(p virtual.Paper) { s.papers <- p }

// paper waits for the next paper and returns the number on it, and whether the cutter has cut it off.
func (h *hall) paper() (number string, p virtual.Paper) {
	h.m.t.Helper()
	select {
	case p = <-h.slot.papers:
	case <-time.After(endurance):
		h.m.fatal("no paper")
	}
	return numberOnPaper.FindString(strings.Join(p.Lines, "\n")), p
}
