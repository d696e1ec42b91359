package keypad

import "time"

// bounceWindow is how long after its last sight the same press is taken for bounce.
const bounceWindow = 250 * time.Millisecond

// Bounce suppresses the same press seen again at once: contact bounce, a key that repeats while held,
// a frame sent again because its acknowledgement was late. Without it one finger could call two visitors.
//
// The zero value is ready to use. It is not safe for concurrent use: keep one for each line.
type Bounce struct {
	// Window is how long after its last sight the same press is bounce; 0 means 250 ms.
	Window time.Duration

	seen map[Press]time.Duration // last sight of each press; only those within Window stay
}

// Pass takes note of a press at now, a time that never goes back such as the time since the start,
// and reports whether it is a press of its own. Presses are the same if operation, argument and address are,
// so two units on one line do not silence each other. A key that keeps repeating stays one press.
func (b *Bounce) Pass(now time.Duration, p Press) bool {
	window := b.Window
	if window <= 0 {
		window = bounceWindow
	}
	for other, at := range b.seen {
		if now-at >= window {
			delete(b.seen, other)
		}
	}
	_, again := b.seen[p]
	if b.seen == nil {
		b.seen = make(map[Press]time.Duration)
	}
	b.seen[p] = now
	return !again
}
