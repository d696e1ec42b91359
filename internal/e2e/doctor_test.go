package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// doctor lets the program look itself over and returns what it says, and which things it finds wrong but for the clock: a
// machine for tests may have one that nobody sets.
func (a *appliance) doctor() (said string, wrong []string) {
	a.t.Helper()
	args := append([]string{"doctor"}, a.args[:len(a.args)-2]...) // without -http
	out, err := exec.CommandContext(a.t.Context(), bin(a.prog), args...).CombinedOutput()
	found := 0
	for line := range strings.Lines(string(out)) {
		if thing, ok := strings.CutPrefix(line, "[有误 wrong] "); ok {
			if found++; !strings.HasPrefix(thing, "时钟") {
				wrong = append(wrong, strings.TrimSpace(thing))
			}
		}
	}
	if _, exit := err.(*exec.ExitError); err != nil && !exit || (err != nil) != (found > 0) {
		a.t.Errorf("%s doctor found %d things and ended with %v:\n%s", a.prog, found, err, out)
	}
	return string(out), wrong
}

// finds checks what the doctor finds wrong: one thing for each of these words, in any order, and nothing else.
func (a *appliance) finds(when string, words ...string) {
	a.t.Helper()
	said, wrong := a.doctor()
	for _, word := range words {
		i := slices.IndexFunc(wrong, func(s string) bool { return strings.Contains(s, word) })
		if i < 0 {
			a.t.Errorf("%s, the doctor of %s does not find %q:\n%s", when, a.id, word, said)
			return
		}
		wrong = slices.Delete(wrong, i, i+1)
	}
	if len(wrong) > 0 {
		a.t.Errorf("%s, the doctor of %s finds what is not wrong: %q\n%s", when, a.id, wrong, said)
	}
}

// TestDoctor: both device programs, looked over beside the running service and without it, well and with things that are
// wrong; and the service goes on.
func TestDoctor(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 1, 1))
	k, u := startKiosk(t, d, "kiosk-1"), startUnit(t, d, "unit-1", "c1")
	d.start()
	k.ready()
	u.page("a session", func(p unitPage) bool { return p.Ready })
	k.finds("in session")
	u.finds("in session")

	if err := k.cables["printer"].Cut(); err != nil {
		t.Fatal(err)
	}
	if err := u.cables["led"].Cut(); err != nil {
		t.Fatal(err)
	}
	k.page("no printer", func(p kioskPage) bool { return p.Printer == "gone" })
	see(t, u.state(), "no display", func(p struct{ Parts map[string]string }) bool { return p.Parts["led c1"] == "gone" })
	k.finds("without its printer", "服务 service", "打印机 printer")
	u.finds("without its display", "服务 service", "窗口屏 led c1")

	u.kill()
	// The twin of the keypad is this test, and it holds the line open as a meddling program would.
	u.finds("while the service does not run", "窗口屏 led c1", "e2e.test (pid")
	d.kill()
	u.finds("without a controller", "窗口屏 led c1", "e2e.test (pid", "连不上")
	d.start()
	k.page("a session again", func(p kioskPage) bool { return p.Session })
	k.finds("after the controller's return", "服务 service", "打印机 printer")
	d.identity("unit-1", d.mqtt) // another secret: the unit's own file is worthless
	u.finds("with an old secret", "窗口屏 led c1", "e2e.test (pid", "不接受本机的密钥")
}
