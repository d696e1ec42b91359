package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/virtual"
)

const (
	backWithin  = 20 * time.Second // everything is back after a restart of the daemon; a sound machine needs about 2 s
	staleWithin = 8 * time.Second  // a display that has lost the controller is marked; 2 s on a sound machine, and never 15
)

// TestOffline: a kiosk that is cut off goes on giving numbers, one of them for a request whose answer was lost; they are
// called at the time they were taken, among those that another kiosk got from the controller meanwhile.
func TestOffline(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 2, 1))
	cut, other, unit := startKiosk(t, d, "kiosk-1"), startKiosk(t, d, "kiosk-2"), startUnit(t, d, "unit-1", "c1")
	d.start()
	cut.ready()
	other.ready()
	want := []string{other.number()}
	alone := func() {
		t.Helper()
		number := cut.number()
		words := see(t, cut.state(), "its screen", func(p kioskPage) bool { return p.Screen.State == "take_offline" }).words()
		if !strings.Contains(words, "离线取号，按取号时间排队") || !strings.HasPrefix(number, "AUU") {
			t.Errorf("cut off, the kiosk gives %s and says %s", number, words)
		}
		want = append(want, number)
	}
	cut.net.Silence(virtual.Far) // the request gets there, the answer does not come
	alone()
	waiting(t, d, 2)
	cut.net.Cut()
	want = append(want, other.number())
	cut.page("cut off", func(p kioskPage) bool { return !p.Session })
	alone()
	want = append(want, other.number())
	alone()
	want = append(want, other.number())
	cut.net.Plug()
	start := time.Now()
	cut.page("all its papers handed in", func(p kioskPage) bool { return p.Session && p.Journal.Acked+1 == p.Journal.Next })
	joined := time.Since(start).Round(time.Millisecond)
	waiting(t, d, len(want))
	if n := strings.Count(cut.slot.text(), "离线取号，按取号时间排队"); n != 3 {
		t.Errorf("%d papers say that they were taken offline, want 3:\n%s", n, cut.slot.text())
	}
	d.tell("sign", "on", "c1", "officer-1")
	called := unit.empty()
	if !slices.Equal(called, want) {
		t.Errorf("called %v, want %v", called, want)
	}
	papers := slices.Concat(cut.slot.numbers(), other.slot.numbers())
	slices.Sort(papers)
	if n := len(slices.Compact(slices.Clone(papers))); n != len(papers) || n != len(want) {
		t.Errorf("papers %v: %d different numbers of %d", papers, n, len(want))
	}
	t.Logf("numbers given offline 3 (1 for a lost answer), known %s after the cable was plugged in; papers %d, called %d in the order %s; %s",
		joined, len(papers), len(called), strings.Join(called, " "), stopped(d))
}

// waiting waits until so many tickets stand in the line.
func waiting(t *testing.T, d *daemon, n int) {
	t.Helper()
	see(t, d.overview(), "tickets waiting", func(o overviewPage) bool { return o.Waiting["office"] == n })
}

// stopped stops the daemon and verifies its log.
func stopped(d *daemon) string {
	d.t.Helper()
	d.stop()
	return d.verify()
}

// TestPowerCutOfTheController: quhaod is killed while visitors take numbers, and started again at once or a while later.
// Displays are marked stale in between, the kiosks go on, everything is back soon after the restart, and each paper is
// called once.
func TestPowerCutOfTheController(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 2, 1))
	kiosks := []*kioskProgram{startKiosk(t, d, "kiosk-1"), startKiosk(t, d, "kiosk-2")}
	unit := startUnit(t, d, "unit-1", "c1")
	d.start()
	d.tell("sign", "on", "c1", "officer-1")
	for _, k := range kiosks {
		k.ready()
	}
	before := kiosks[0].number()
	if got := unit.next(); got != before {
		t.Fatalf("called %s, want %s", got, before)
	}
	var stale time.Duration
	var back []time.Duration
	for _, wait := range []bool{false, true} {
		for _, k := range kiosks {
			k.tap() // and in the middle of it
		}
		killed := time.Now()
		d.kill()
		if wait {
			unit.page("marked stale", func(p unitPage) bool {
				s := unit.led.Shown()
				return p.Stale && s.Mode == "stale" && strings.Contains(s.Text, "信号中断")
			})
			if stale = time.Since(killed).Round(10 * time.Millisecond); stale > staleWithin {
				t.Errorf("the display is marked stale %s after the kill", stale)
			}
			for _, k := range kiosks {
				k.page("at rest", func(p kioskPage) bool { return p.Screen.State != "asking" && p.Screen.State != "printing" })
				k.number()
			}
		}
		start := time.Now()
		d.start()
		unit.page("back", func(p unitPage) bool { return p.Ready && !p.Stale && strings.Contains(unit.led.Shown().Text, before) })
		for _, k := range kiosks {
			k.ready()
			k.page("at rest", func(p kioskPage) bool { return p.Screen.State != "asking" && p.Screen.State != "printing" })
		}
		took := time.Since(start).Round(10 * time.Millisecond)
		if back = append(back, took); took > backWithin {
			t.Errorf("everything is back %s after the restart", took)
		}
	}
	papers := slices.Concat(kiosks[0].slot.numbers(), kiosks[1].slot.numbers())
	called := append([]string{before}, unit.empty()...)
	left := missing(papers, called)
	if n := len(missing(called, papers)); n > 0 {
		t.Logf("numbers without paper that were called: %v", missing(called, papers)) // bounded by the kills
	}
	if len(left) > 0 || len(distinct(papers)) != len(papers) || len(distinct(called)) != len(called) {
		t.Errorf("papers %v, called %v, never called %v", papers, called, left)
	}
	t.Logf("killed 2 times, the display marked stale after %s: papers %d, called %d, never called %d; all back %s after a restart at once, %s after a restart when the displays were stale; %s",
		stale, len(papers), len(called), len(left), back[0], back[1], stopped(d))
}

// missing are those of all that are not in among.
func missing(all, among []string) (out []string) {
	for _, s := range all {
		if !slices.Contains(among, s) {
			out = append(out, s)
		}
	}
	return out
}

// distinct are the different ones.
func distinct(all []string) []string {
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}
