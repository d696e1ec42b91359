package card

import "time"

// heldGap is how long a card must be out of sight before the same card counts as a new tap.
const heldGap = time.Second

// Held tells a new tap from a card that still lies on the reader.
// Readers such as the RDM6300 repeat the number about every 50 ms while the card stays.
//
// The zero value is ready to use. It is not safe for concurrent use: keep one for each reader.
type Held struct {
	// Gap is how long a card must be out of sight to count as tapped again; 0 means 1 s.
	Gap time.Duration

	seen map[Number]time.Duration // last sight of each card; only cards within Gap stay
}

// Seen takes note of a number read at now, a time that never goes back such as the time since the start,
// and reports whether it is a new tap. The same number within Gap of its last sight is the same tap,
// however long that goes on. Two cards on one reader, read in turns, are two taps.
func (h *Held) Seen(now time.Duration, n Number) bool {
	gap := h.Gap
	if gap <= 0 {
		gap = heldGap
	}
	for other, at := range h.seen {
		if now-at >= gap {
			delete(h.seen, other)
		}
	}
	_, held := h.seen[n]
	if h.seen == nil {
		h.seen = make(map[Number]time.Duration)
	}
	h.seen[n] = now
	return !held
}
