package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/drivers/virtual"
)

// TestOrders: what an administrator orders from the controller is carried out on both kinds of device, once, and answered.
func TestOrders(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 1, 1))
	k, u := startKiosk(t, d, "kiosk-1"), startUnit(t, d, "unit-1", "c1")
	d.start()
	k.ready()
	number := k.number()
	if said := d.tell("status"); strings.Contains(said, "publish_failed") {
		t.Errorf("a start without a fault counts one:\n%s", said)
	}

	if said := d.tell("do", "kiosk-1", "reprint", strings.ToLower(number)); !strings.Contains(said, "已发往打印机") {
		t.Errorf("reprint: %s", said)
	}
	// Sent says that the bytes are on the line; the printer reads them at its own pace.
	k.page("the reprint", func(kioskPage) bool { return len(k.slot.numbers()) > 1 })
	if all := k.slot.numbers(); !slices.Equal(all, []string{number, number}) || !strings.Contains(k.slot.text(), "补打") {
		t.Errorf("papers %v:\n%s", all, k.slot.text())
	}
	if said := d.tell("do", "kiosk-1", "test"); !strings.Contains(said, "已发往打印机") {
		t.Errorf("test page: %s", said)
	}
	k.page("the test page", func(kioskPage) bool { return strings.Contains(k.slot.text(), "GB2312  啊阿埃") })
	if said := d.tell("do", "kiosk-1", "identify"); !strings.Contains(said, "已完成") {
		t.Errorf("identify: %s", said)
	}
	k.page("its name", func(p kioskPage) bool { return p.Screen.Title.ZH == "本机：kiosk-1" })
	u.page("a session", func(p unitPage) bool { return p.Ready })
	d.tell("do", "unit-1", "identify")
	d.tell("do", "unit-1", "test")
	d.refuse("is no kiosk", "do", "unit-1", "reprint", number)
	d.refuse("there is no ticket", "do", "kiosk-1", "reprint", "A0999")

	trace := filepath.Join(t.TempDir(), "trace")
	k.args = append(k.args, "-trace", trace)
	for _, a := range []*appliance{k.appliance, u.appliance} {
		gone, said := a.gone, make(chan string, 1)
		go func() { said <- d.tell("do", a.id, "restart") }()
		select {
		case <-gone:
			a.start() // as systemd does; only then the word that it is done can be handed in
		case <-time.After(devicePatience):
			t.Fatalf("%s does not end", a.id)
		}
		if s := <-said; !strings.Contains(s, "已完成") {
			t.Errorf("restart %s: %s", a.id, s)
		}
	}
	k.ready()
	if after := k.number(); after == number {
		t.Errorf("%s was given twice", after)
	}
	if b, err := os.ReadFile(trace); err != nil || !strings.Contains(string(b), " keypad < 63 68 6f 6f 73 65 ") || !strings.Contains(string(b), " printer > ") {
		t.Errorf("the trace of the lines: %v\n%s", err, b)
	}
	k.ready()
	d.stop()
	for _, ticket := range d.books().Tickets {
		if ticket.Number == number && (len(ticket.Papers) != 2 || ticket.State != queue.Waiting) {
			t.Errorf("the reprinted ticket is %s with the papers %v", ticket.State, ticket.Papers)
		}
	}
}

// refuse runs a command that must be refused with these words.
func (d *daemon) refuse(says string, words ...string) {
	d.t.Helper()
	out, err := exec.Command(bin("quhaod"), append(words, "-data", d.data)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), says) {
		d.t.Errorf("quhaod %s: %v, %s", strings.Join(words, " "), err, out)
	}
}

// TestReplace: a spare takes a broken kiosk's place by the very lines of docs/replace.md.
func TestReplace(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 1, 1))
	broken := startKiosk(t, d, "kiosk-1")
	d.start()
	broken.ready()
	before := broken.number()
	broken.ready()
	broken.kill()

	start := time.Now()
	spare := newSpare(t, d, broken)
	for _, line := range commands(t, filepath.Join("..", "..", "docs", "replace.md")) {
		if strings.Contains(line, " try printer ") {
			spare.kill() // the service is stopped for it, as the page says
		}
		if strings.Contains(line, " doctor ") || strings.Contains(line, " do ") {
			spare.ready()
		}
		spare.run(line)
	}
	spare.start()
	spare.ready()
	if n := spare.number(); n == before {
		t.Errorf("the spare gives %s again", n)
	}
	spare.page("the test page, ordered once and tried once", func(kioskPage) bool {
		return strings.Count(spare.slot.text(), "GB2312  啊阿埃") == 2
	})
	t.Logf("from the broken kiosk to a ticket of the spare, without the hands: %v", time.Since(start).Round(time.Millisecond))
}

// spareKiosk is a kiosk that a person sets up by a page of the documentation.
type spareKiosk struct {
	*kioskProgram
	d       *daemon
	install string // that waits, as status says
}

// newSpare is a spare with the parts of the broken kiosk, not started, without an identity.
func newSpare(t *testing.T, d *daemon, broken *kioskProgram) *spareKiosk {
	t.Helper()
	k := &kioskProgram{slot: new(slot)}
	paper, err := virtual.NewTextPrinter(48, k.slot.take)
	if err != nil {
		t.Fatal(err)
	}
	keys := virtual.NewTypist()
	k.appliance = newAppliance(t, d, "kiosk-1", "quhao-kiosk", keys, map[string]virtual.Server{"printer": paper, "keypad": keys})
	k.kill()
	if err := os.Remove(k.args[1]); err != nil { // the identity that newAppliance has made: the page makes another
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(k.args[3], "journal")); err != nil && !os.IsNotExist(err) { // a spare comes with none
		t.Fatal(err)
	}
	return &spareKiosk{kioskProgram: k, d: d}
}

// commands are the lines of the page's blocks of commands.
func commands(t *testing.T, file string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	if len(out) < 8 {
		t.Fatalf("%s has the commands %q only", file, out)
	}
	return out
}

// run carries out one line of the page, with the test's folders in the place of those of an installation, and a copy on
// this machine in the place of one over the network.
func (s *spareKiosk) run(line string) {
	s.t.Helper()
	if line == "systemctl enable --now quhao-kiosk" {
		s.start()
		return
	}
	if strings.Contains(line, "INSTALLATION") {
		s.await()
	}
	dir := filepath.Dir(s.args[1])
	text := strings.NewReplacer(
		"runuser -u quhao-device -- ", "", "runuser -u quhao -- ", "", "-o root -g quhao-device ", "",
		"spare:/root/kiosk.yaml", "copied.yaml", "/root/kiosk.yaml", "copied.yaml", "/etc/quhao-device/kiosk.yaml", s.args[1], "/var/lib/quhao-kiosk", s.args[3]+" -local "+s.d.conf,
		"/etc/quhao", s.d.conf, "/var/lib/quhao", s.d.data, "INSTALLATION", s.install, "quhaod enrol", "quhaod enrol -mqtt "+s.net.Addr(), "scp ", "cp ",
	).Replace(line)
	cmd := exec.CommandContext(s.t.Context(), "sh", "-ec", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv(binEnv)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if strings.Contains(line, " doctor ") && strings.Count(string(out), "[有误 wrong]") == strings.Count(string(out), "[有误 wrong] 时钟") {
		return // a machine for tests may have a clock that nobody sets
	}
	if err != nil {
		s.t.Fatalf("%s\nas %s: %v\n%s", line, text, err, out)
	}
}

// await waits until status names the installation of the spare.
func (s *spareKiosk) await() {
	s.t.Helper()
	waits := regexp.MustCompile(`quhaod replace kiosk-1 (\S+)`)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for end := time.Now().Add(devicePatience); ; <-tick.C {
		if m := waits.FindStringSubmatch(s.d.tell("status")); m != nil {
			s.install = m[1]
			return
		}
		if time.Now().After(end) {
			s.t.Fatal("status names no installation that waits")
		}
	}
}
