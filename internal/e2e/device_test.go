package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"quhao/drivers/virtual"
	"quhao/internal/proto"
)

// devicePatience bounds every wait for a device; a sound machine needs a small part of it.
const devicePatience = 30 * time.Second

// lookEvery is how often a state page is read while something is awaited.
const lookEvery = 20 * time.Millisecond

// appliance is a kiosk or a counter unit as a process of its own, on twins, behind a network cable.
type appliance struct {
	t      *testing.T
	id     string
	prog   string // quhao-kiosk or quhao-display
	file   string // its identity
	data   string // its folder
	args   []string
	window string // host:port of its state page
	net    *virtual.Network
	keys   *virtual.Typist
	cables map[string]*virtual.Cable // by part

	prepare func(*exec.Cmd) // changes how the program is started; nil for as it is

	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
	log  bytes.Buffer  // of all starts; only to be read after the process has ended
}

// newAppliance enrols a device, lays its network cable, and starts it with these twins by part; keys is one of them.
// What still runs at the end of the test is killed.
func newAppliance(t *testing.T, d *daemon, id, prog string, keys *virtual.Typist, twins map[string]virtual.Server) *appliance {
	t.Helper()
	a := unpack(t, d, id, prog, keys, twins)
	if err := os.WriteFile(a.file, d.identity(id, a.net.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	a.start()
	return a
}

// unpack lays the cables of a device that does not know yet who it is.
func unpack(t *testing.T, d *daemon, id, prog string, keys *virtual.Typist, twins map[string]virtual.Server) *appliance {
	t.Helper()
	n, err := virtual.NewNetwork(d.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &appliance{t: t, id: id, prog: prog, window: freePort(t), net: n, keys: keys, cables: map[string]*virtual.Cable{}}
	a.file, a.data = filepath.Join(dir, "id.yaml"), filepath.Join(dir, "data")
	a.args = []string{"-config", a.file, "-data", a.data, "-local", d.conf, "-http", a.window}
	t.Cleanup(func() {
		if a.cmd != nil {
			a.kill()
		}
		for _, c := range a.cables {
			if err := c.Cut(); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", id, tail(a.log.String(), 15))
		}
	})
	if err := os.MkdirAll(a.data, 0o700); err != nil {
		t.Fatal(err)
	}
	for part, twin := range twins {
		a.cables[part] = virtual.NewCable(filepath.Join(a.data, part))
		if err := a.cables[part].Plug(t.Context(), twin); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// start starts the program.
func (a *appliance) start() {
	a.t.Helper()
	a.cmd = exec.Command(bin(a.prog), a.args...)
	if a.prepare != nil {
		a.prepare(a.cmd)
	}
	a.cmd.Stderr = &a.log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	gone := make(chan struct{})
	a.gone = gone
	go func(cmd *exec.Cmd) {
		defer close(gone)
		_ = cmd.Wait() // how it ended is seen in its log
	}(a.cmd)
}

// kill is kill -9, and waits until the process is gone.
func (a *appliance) kill() {
	_ = a.cmd.Process.Kill() // it may have ended by itself
	<-a.gone
	a.cmd = nil
}

// press types a line on the keys.
func (a *appliance) press(line string) {
	a.t.Helper()
	if err := a.keys.Type(line); err != nil {
		a.t.Errorf("%s: %v", a.id, err)
	}
}

// inTwo is a text in the two languages of a screen.
type inTwo struct{ ZH, EN string }

// kioskPage is what these tests read of a kiosk's state page.
type kioskPage struct {
	Screen struct {
		State       string
		Title, Hint inTwo
		Number      string
	}
	Printer string
	Parts   map[string]string
	Session bool
	Noise   map[string]uint64
	Refused string
	Journal struct {
		Next, Acked uint64
		Err         string
	}
}

// words are what stands on the screen.
func (p kioskPage) words() string {
	s := p.Screen
	return strings.TrimSpace(s.Title.ZH+" "+s.Hint.ZH) + " / " + strings.TrimSpace(s.Title.EN+". "+s.Hint.EN)
}

// ready says whether the next visitor gets a number: what is pressed on a keypad that nobody reads yet is gone.
func (p kioskPage) ready() bool {
	return p.Session && p.Parts["keypad"] == "ok" && (p.Printer == "ok" || p.Printer == "low") && p.Journal.Acked+1 == p.Journal.Next
}

// unitPage is what these tests read of a counter unit's state page.
type unitPage struct {
	Ready, Stale bool
	Journal      struct{ Pending int }
	Counters     []struct {
		S           string
		Held, Shown proto.At
		Text        string
		Lamp, Busy  bool
	}
}

// overviewPage is what these tests read of the daemon's own page.
type overviewPage struct {
	Counters map[string]proto.CounterState
	Waiting  map[string]int
}

// get reads a page.
func get(url string, into any) error {
	res, err := (&http.Client{Timeout: 2 * time.Second}).Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, b)
	}
	return json.Unmarshal(b, into)
}

// sight looks at a page until it is as wanted, and returns it; what says what is wanted.
func sight[T any](t *testing.T, url, what string, within time.Duration, want func(T) bool) (page T, err error) {
	t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		var p T
		if err = get(url, &p); err == nil {
			if page = p; want(page) {
				return page, nil
			}
		}
		if time.Now().After(end) {
			return page, fmt.Errorf("in vain for %s: %s: %+v (%v)", within, what, page, err)
		}
	}
}

// see is sight that must come true.
func see[T any](t *testing.T, url, what string, want func(T) bool) T {
	t.Helper()
	page, err := sight(t, url, what, devicePatience, want)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// state is where the device's state page is.
func (a *appliance) state() string { return "http://" + a.window + "/state" }

// overview is where the daemon's page is.
func (d *daemon) overview() string { return "http://" + d.http + "/api/overview" }

// slot is where the papers of a kiosk come out.
type slot struct {
	mu     sync.Mutex
	papers []virtual.Paper
}

func (s *slot) take(p virtual.Paper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.papers = append(s.papers, p)
}

// text is all lines of all papers.
func (s *slot) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, p := range s.papers {
		out = append(out, p.Lines...)
	}
	return strings.Join(out, "\n")
}

var numberOnPaper = regexp.MustCompile(`(?m)^(?:>>> )?(A[U-Z]{0,2}\d{2,4})(?: <<<)?$`)

// numbers are the numbers on the papers, in the order they came out.
func (s *slot) numbers() (out []string) {
	for _, m := range numberOnPaper.FindAllStringSubmatch(s.text(), -1) {
		out = append(out, m[1])
	}
	return out
}

// kioskProgram is a kiosk with what a visitor finds there.
type kioskProgram struct {
	*appliance
	slot    *slot
	taps    int
	printer *virtual.Printer // nil unless it speaks ESC/POS
	line    *line            // to the ESC/POS printer
	ask     int              // bytes of a question to that
}

// startKiosk starts a kiosk of writeCentre with a printer that takes plain text.
func startKiosk(t *testing.T, d *daemon, id string) *kioskProgram {
	t.Helper()
	k, keys, twins := plainKiosk(t)
	k.appliance = newAppliance(t, d, id, "quhao-kiosk", keys, twins)
	return k
}

// plainKiosk is the hardware of a kiosk whose printer takes plain text.
func plainKiosk(t *testing.T) (*kioskProgram, *virtual.Typist, map[string]virtual.Server) {
	t.Helper()
	k := &kioskProgram{slot: new(slot)}
	paper, err := virtual.NewTextPrinter(48, k.slot.take)
	if err != nil {
		t.Fatal(err)
	}
	keys := virtual.NewTypist()
	return k, keys, map[string]virtual.Server{"printer": paper, "keypad": keys}
}

// copied starts a second kiosk from a copy of this one's card, on a cable of its own.
func (k *kioskProgram) copied(d *daemon) *kioskProgram {
	k.t.Helper()
	other, keys, twins := plainKiosk(k.t)
	other.appliance = unpack(k.t, d, k.id, k.prog, keys, twins)
	files := []string{k.file}
	for _, entry := range readDir(k.t, k.data) {
		if entry.Type().IsRegular() && entry.Name() != "lock" {
			files = append(files, filepath.Join(k.data, entry.Name()))
		}
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			k.t.Fatal(err)
		}
		to := filepath.Join(other.data, filepath.Base(name))
		if name == k.file {
			to, content = other.file, bytes.ReplaceAll(content, []byte(k.net.Addr()), []byte(other.net.Addr()))
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			k.t.Fatal(err)
		}
	}
	other.start()
	return other
}

func readDir(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// page waits until the kiosk's page is as wanted.
func (k *kioskProgram) page(what string, want func(kioskPage) bool) kioskPage {
	k.t.Helper()
	return see(k.t, k.state(), k.id+": "+what, want)
}

// ready waits until the next visitor gets a number.
func (k *kioskProgram) ready() { k.t.Helper(); k.page("ready", kioskPage.ready) }

// tap presses a key for a number: not the same as the last time, which could be taken for a bounce.
func (k *kioskProgram) tap() {
	k.t.Helper()
	k.taps++
	k.press(fmt.Sprintf("choose %d", 1+k.taps%3))
}

// number presses the key and waits for the paper, whose number it returns.
func (k *kioskProgram) number() string {
	k.t.Helper()
	had := k.slot.numbers()
	k.tap()
	k.page("a number", func(p kioskPage) bool {
		return (p.Screen.State == "take" || p.Screen.State == "take_offline") && !slices.Contains(had, p.Screen.Number) && len(k.slot.numbers()) > len(had)
	})
	all := k.slot.numbers()
	if len(all) != len(had)+1 {
		k.t.Fatalf("%s: one press made the papers %v", k.id, all[len(had):])
	}
	return all[len(had)]
}
