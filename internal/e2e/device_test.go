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
	args   []string
	window string // host:port of its state page
	net    *virtual.Network
	keys   *virtual.Typist
	cables map[string]*virtual.Cable // by part

	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
	log  bytes.Buffer  // of all starts; only to be read after the process has ended
}

// newAppliance enrols a device, lays its network cable, and starts it with these twins by part; keys is one of them.
// What still runs at the end of the test is killed.
func newAppliance(t *testing.T, d *daemon, id, prog string, keys *virtual.Typist, twins map[string]virtual.Server) *appliance {
	t.Helper()
	n, err := virtual.NewNetwork(d.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &appliance{t: t, id: id, prog: prog, window: freePort(t), net: n, keys: keys, cables: map[string]*virtual.Cable{}}
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
	file, data := filepath.Join(dir, "id.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, d.identity(id, n.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for part, twin := range twins {
		a.cables[part] = virtual.NewCable(filepath.Join(data, part))
		if err := a.cables[part].Plug(t.Context(), twin); err != nil {
			t.Fatal(err)
		}
	}
	a.args = []string{"-config", file, "-data", data, "-local", d.conf, "-http", a.window}
	a.start()
	return a
}

// start starts the program.
func (a *appliance) start() {
	a.t.Helper()
	a.cmd = exec.Command(bin(a.prog), a.args...)
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
	Session bool
	Noise   map[string]uint64
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

// ready says whether the next visitor gets a number.
func (p kioskPage) ready() bool {
	return p.Session && (p.Printer == "ok" || p.Printer == "low") && p.Journal.Acked+1 == p.Journal.Next
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
}

// startKiosk starts a kiosk of writeCentre with a printer that takes plain text.
func startKiosk(t *testing.T, d *daemon, id string) *kioskProgram {
	t.Helper()
	k := &kioskProgram{slot: new(slot)}
	paper, err := virtual.NewTextPrinter(48, k.slot.take)
	if err != nil {
		t.Fatal(err)
	}
	keys := virtual.NewTypist()
	k.appliance = newAppliance(t, d, id, "quhao-kiosk", keys, map[string]virtual.Server{"printer": paper, "keypad": keys})
	return k
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

// counterProgram is a counter unit with its display.
type counterProgram struct {
	*appliance
	led     *virtual.LED
	counter string
	d       *daemon
}

// startUnit starts a counter unit of writeCentre.
func startUnit(t *testing.T, d *daemon, id, counter string) *counterProgram {
	t.Helper()
	u := &counterProgram{led: virtual.NewTextLED(nil), counter: counter, d: d}
	keys := virtual.NewTypist()
	u.appliance = newAppliance(t, d, id, "quhao-display", keys, map[string]virtual.Server{"led": u.led, "keypad": keys})
	return u
}

// page waits until the unit's page is as wanted.
func (u *counterProgram) page(what string, want func(unitPage) bool) unitPage {
	u.t.Helper()
	return see(u.t, u.state(), u.id+": "+what, want)
}

// lit says whether a press is taken now.
func (p unitPage) lit() bool {
	return p.Ready && !p.Stale && len(p.Counters) == 1 && p.Counters[0].Lamp && !p.Counters[0].Busy
}

// next presses the key for the next visitor, who comes at once, and returns the number that was called, empty if nobody waits.
func (u *counterProgram) next() string {
	u.t.Helper()
	was := see(u.t, u.d.overview(), "the counter", func(o overviewPage) bool { return o.Counters[u.counter].S != "" }).Counters[u.counter]
	is := u.until("next", func(o overviewPage) bool {
		c := o.Counters[u.counter]
		return c.Num != "" && c.Call != was.Call || c.S == "idle" && o.Waiting["office"] == 0
	}).Counters[u.counter]
	if is.S == "idle" {
		return ""
	}
	u.page("the number on the display", func(p unitPage) bool {
		return len(p.Counters) == 1 && !is.At().After(p.Counters[0].Shown) && strings.Contains(u.led.Shown().Text, is.Num)
	})
	u.until("start", func(o overviewPage) bool { return o.Counters[u.counter].S == "serving" })
	return is.Num
}

// until presses a key, and again like an officer who sees that nothing has come of it: it may have been taken for a bounce.
func (u *counterProgram) until(key string, want func(overviewPage) bool) (o overviewPage) {
	u.t.Helper()
	var err error
	for range 40 {
		u.page("lit keys", unitPage.lit)
		u.press(key)
		if o, err = sight(u.t, u.d.overview(), u.id+": after "+key, 500*time.Millisecond, want); err == nil {
			return o
		}
	}
	u.t.Fatal(err)
	return o
}

// empty calls until nobody waits, and returns the numbers in the order they were called.
func (u *counterProgram) empty() (out []string) {
	u.t.Helper()
	for {
		number := u.next()
		if number == "" {
			return out
		}
		out = append(out, number)
	}
}
