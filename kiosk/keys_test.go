package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"quhao/drivers/keypad"
)

// A department key that is held is one press, told of after 30 s, and works again when it was let go; the others go on.
func TestStuckDepartmentKey(t *testing.T) {
	var told []string
	b := &board{
		driver: &keypad.GPIO{Choose: []string{"A", "B"}, ActiveLow: true},
		say:    func(p keypad.Press, state string) { told = append(told, fmt.Sprintf("%d %s", p.Arg, state)) },
	}
	hear := func(now time.Duration, text string) (taken bool) {
		t.Helper()
		n, p, _, err := b.decode([]byte(text))
		if n != len(text) || err != nil {
			t.Fatalf("%q: %d, %v", text, n, err)
		}
		return p.Op == keypad.Choose && b.pressed(now, p)
	}
	if !hear(time.Second, "A low\n") {
		t.Error("the first press is not taken")
	}
	for now := 2 * time.Second; now < 40*time.Second; now += 100 * time.Millisecond {
		b.look(now)
	}
	if !hear(40*time.Second, "B low\n") || hear(41*time.Second, "B high\n") {
		t.Error("the other key does not work")
	}
	hear(42*time.Second, "A high\n")
	if !hear(43*time.Second, "A low\n") {
		t.Error("let go, the key does not work")
	}
	b.look(80 * time.Second)
	b.reset()
	if want := []string{"1 error", "1 ok", "1 error", "1 ok"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
