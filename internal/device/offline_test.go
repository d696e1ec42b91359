package device

import (
	"testing"

	"quhao/internal/proto"
)

// give takes the next number of the kiosk's own series, as a kiosk does.
func give(t *testing.T, j *Journal, now int64) int {
	t.Helper()
	n, _, ok := j.NextOff(now)
	if !ok {
		return 0
	}
	if _, err := j.AddFact(proto.Fact{K: proto.FactStart, ID: "I", TID: "T", Off: n}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOwnSeries(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "install")
	if n := give(t, j, 0); n != 0 {
		t.Fatalf("gave %d without a permit", n)
	}
	permit := func(day proto.Day, from int) {
		t.Helper()
		if err := j.SetPermit(proto.Permit{Series: "X", From: from, Cap: 3, Until: 1000, Day: day}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want ...int) {
		t.Helper()
		for _, w := range want {
			if n := give(t, j, 500); n != w {
				t.Fatalf("%s: gave %d, want %d", what, n, w)
			}
		}
	}
	permit(1, 100)
	check("from the permit on, to the cap", 100, 101, 102, 0)
	permit(1, 100)
	check("the same day again", 0)
	j = open(t, d, "another")
	check("after a restart", 0)
	permit(2, 100)
	check("another day begins a new count, not a new series", 103)
	j = open(t, d, "another")
	check("and a restart changes nothing", 104, 105, 0)
	permit(3, 100)
	if n := give(t, j, 1000); n != 0 {
		t.Fatalf("gave %d after its end", n)
	}
	if err := j.Renew("renewed"); err != nil {
		t.Fatal(err)
	}
	if n := give(t, j, 500); n != 0 || j.HWSeq() != 6 {
		t.Fatalf("a new installation gave %d without a permit of its own; it has started %d papers, want 6", n, j.HWSeq())
	}
}

func TestWelcomedOnlyInThisLife(t *testing.T) {
	s := NewSession(Options{Dev: "kiosk-1", Random: func() string { return "n" }}, open(t, &memDisk{}, "install"))
	if s.Welcomed() {
		t.Fatal("welcomed before it was connected")
	}
	s.Up(Now{})
	s.welcomed(Now{}, proto.Welcome{S: proto.Pending, Nonce: "n"})
	if s.Welcomed() {
		t.Fatal("an installation that waits for an administrator is not let in")
	}
	s.welcomed(Now{}, proto.Welcome{S: proto.Accepted, Nonce: "n", Sess: "s"})
	if s.Down(Now{}); !s.Welcomed() {
		t.Fatal("a cut connection takes nothing back")
	}
}
