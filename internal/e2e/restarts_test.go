package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// restartSeen is how soon after the start of the broker everything is right again, on a machine that has nothing else to do.
const restartSeen = 2 * time.Second

// TestBrokerRestarts: the broker is killed and comes back with empty hands, 50 times: the embedded one with the daemon
// around it, or Mosquitto alone. After each time the display is right again by itself, the kiosk is in session, a number
// can be had and is called; nothing is lost.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel() // it mostly waits
	n := rounds(t, 50)
	d := newDaemon(t, writeCentre(t, 1, 1))
	k, u := startKiosk(t, d, "kiosk-1"), startUnit(t, d, "unit-1", "c1")
	d.start()
	d.tell("sign", "on", "c1", "officer-1")
	k.ready()
	var took []time.Duration
	var called []string
	for range n {
		number := k.number()
		if got := u.next(); got != number {
			t.Fatalf("called %q, want %s", got, number)
		}
		called = append(called, number)
		started := d.restartBroker()
		u.page("the number again", func(p unitPage) bool { return u.agrees(p) && strings.Contains(u.led.Shown().Text, number) })
		k.ready()
		took = append(took, time.Since(started).Round(10*time.Millisecond))
	}
	d.stop()
	papers := k.slot.numbers()
	if !slices.Equal(papers, called) || len(distinct(papers)) != n {
		t.Errorf("papers %v, called %v", papers, called)
	}
	slices.Sort(took)
	late, _ := slices.BinarySearch(took, restartSeen)
	t.Logf("the broker killed and started again with empty state %d times: displays right and devices in session after %s (half of the times), %s at most, within %s %d times; papers %d, all called, doubles 0, lost 0; %s",
		n, took[len(took)/2], took[len(took)-1], restartSeen, late, len(papers), d.verify())
}

// restartBroker kills the broker and starts it again, with the daemon if it is a part of it, and says when it listened again.
func (d *daemon) restartBroker() time.Time {
	d.t.Helper()
	if d.outer != nil {
		d.outer.kill()
		d.outer.start()
	} else {
		d.kill()
		d.start()
	}
	return time.Now()
}

// TestOneNameTwoDevices: a kiosk's card is copied into a second one. They throw each other out, until the controller sees
// that there are two: the first goes on, the second says on its screen that it is not accepted and gives no numbers, and
// the administrator reads where both are.
func TestOneNameTwoDevices(t *testing.T) {
	t.Parallel() // it mostly waits
	d := newDaemon(t, writeCentre(t, 1, 1))
	first := startKiosk(t, d, "kiosk-1")
	d.start()
	first.ready()
	second := first.copied(d)
	refused := second.page("refused", func(p kioskPage) bool { return p.Refused != "" && p.Screen.State == "refused" })
	first.ready()
	said := d.tell("status")
	where := "at 127.0.0.1:"
	if d.outer != nil {
		where = "with boot " // Mosquitto does not tell addresses
	}
	if !strings.Contains(said, "ALARM: device kiosk-1: two devices use this name: the one "+where) || !strings.Contains(said, "is sent away") {
		t.Errorf("the administrator reads:\n%s", said)
	}
	if words := refused.words(); !strings.Contains(words, "控制器不接受本机") || !strings.Contains(words, "does not accept this kiosk") {
		t.Errorf("the second kiosk's screen says %q", words)
	}
	d.kill() // now the second could believe that it is cut off, and give the same numbers as the first
	first.page("cut off", func(p kioskPage) bool { return !p.Session })
	if number := first.number(); !strings.HasPrefix(number, "AUU") {
		t.Errorf("cut off, the first gives %s", number)
	}
	second.press("rubbish")
	second.tap()
	second.page("the press seen", func(p kioskPage) bool { return p.Noise["keypad"] > 0 && p.Screen.State == "refused" })
	d.start()
	first.ready()
	first.number()
	first.ready()
	d.stop()
	if n := len(second.slot.numbers()); n > 0 {
		t.Errorf("the second has given %v", second.slot.numbers())
	}
	t.Logf("%s\nthe second kiosk: %s", lineWith(said, "ALARM"), refused.Refused)
}

// lineWith is the first line of a text with a word in it.
func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
