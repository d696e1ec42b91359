package keypad

import (
	"slices"
	"testing"
	"time"
)

// A key of a pad that tells of releases: stuck after 30 s, told once, ignored, and free when it is let go.
func TestHeldWithReleases(t *testing.T) {
	var h Held
	next, recall := Press{Op: Next}, Press{Op: Recall}
	if h.Any() || !h.Down(0, next, true) || !h.Down(time.Second, recall, true) || !h.Any() {
		t.Fatal("a key that was just pressed does not work")
	}
	if h.Up(recall) {
		t.Error("a key that was let go had been stuck")
	}
	if stuck, free := h.Look(30 * time.Second); len(stuck)+len(free) != 0 {
		t.Errorf("after 30 s: %v %v", stuck, free)
	}
	if stuck, _ := h.Look(31 * time.Second); !slices.Equal(stuck, []Press{next}) {
		t.Errorf("after 31 s: %v", stuck)
	}
	if stuck, free := h.Look(time.Hour); len(stuck)+len(free) != 0 {
		t.Errorf("told again: %v %v", stuck, free)
	}
	if !h.Up(next) || h.Any() || !h.Down(time.Hour, next, true) {
		t.Error("let go, it is not free")
	}
}

// The end of a press was lost: the next press counts, and the key is free.
func TestHeldLostRelease(t *testing.T) {
	var h Held
	p := Press{Op: Next}
	h.Down(0, p, true)
	h.Look(time.Minute)
	if !h.Down(2*time.Minute, p, true) {
		t.Error("the second press is ignored")
	}
	if stuck, free := h.Look(2*time.Minute + time.Second); len(stuck) != 0 || !slices.Equal(free, []Press{p}) {
		t.Errorf("%v %v", stuck, free)
	}
}

// A pad that repeats its frame while a key is held and says nothing of its end.
func TestHeldByRepeats(t *testing.T) {
	var h Held
	one, two := Press{Op: Next, Addr: 1}, Press{Op: Next, Addr: 2}
	var stuck []Press
	for now := time.Duration(0); now < 40*time.Second; now += 500 * time.Millisecond {
		works := h.Down(now, one, false)
		if now < 30*time.Second && !works || now > 31*time.Second && works {
			t.Fatalf("at %v it works: %t", now, works)
		}
		if now%(5*time.Second) == 0 && !h.Down(now, two, false) {
			t.Fatalf("at %v a key that is pressed now and then does not work", now)
		}
		s, _ := h.Look(now)
		stuck = append(stuck, s...)
	}
	if !slices.Equal(stuck, []Press{one}) {
		t.Errorf("stuck: %v", stuck)
	}
	if _, free := h.Look(41 * time.Second); !slices.Equal(free, []Press{one}) || !h.Down(41*time.Second, one, false) {
		t.Errorf("free: %v", free)
	}
	h.Look(80 * time.Second)
	if free := h.Reset(); len(free) != 0 || h.Any() {
		t.Errorf("reset: %v", free)
	}
}
