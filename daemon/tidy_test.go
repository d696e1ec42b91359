package main

import "testing"

func TestShare(t *testing.T) {
	for inUse, want := range map[uint64]int{0: 400, 6 << 20: 400, 8 << 20: 300, 48 << 20: 50, 96 << 20: 25, 1 << 30: 20} {
		if got := share(inUse); got != want {
			t.Errorf("of %d bytes: %d percent, want %d", inUse, got, want)
		}
	}
	if inUse() == 0 {
		t.Error("nothing is in use")
	}
}
