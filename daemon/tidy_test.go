package main

import (
	"runtime"
	"testing"
)

func TestShare(t *testing.T) {
	for alive, want := range map[uint64]int{0: 400, 6 << 20: 400, 8 << 20: 300, 48 << 20: 50, 96 << 20: 25, 1 << 30: 20} {
		if got := share(alive); got != want {
			t.Errorf("of %d bytes: %d percent, want %d", alive, got, want)
		}
	}
	runtime.GC()
	before, kept := alive(), make([]byte, 32<<20)
	runtime.GC()
	if after := alive(); before == 0 || after < before+uint64(len(kept))*9/10 {
		t.Errorf("%d bytes are alive, and with %d more %d", before, len(kept), after)
	}
	runtime.KeepAlive(kept)
}
