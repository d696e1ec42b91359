package keypad

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// When a key is stuck: nobody holds one for so long, and a pad without an end to a press has let go after so much silence.
const (
	stuckAfter = 30 * time.Second
	goneAfter  = time.Second
)

// Held finds keys that are stuck: held for 30 s, by a coffee cup or a broken spring. Such a key is to be ignored until
// it is let go, and told of, because the officer at the counter only sees that nothing works.
//
// A driver that is a Releaser says when a key is let go; of any other a key is held while it is seen at least once a
// second. The zero value is ready to use. It is not safe for concurrent use.
type Held struct {
	keys map[Press]*hold
	free []Press // were stuck, and their end was missed
}

type hold struct {
	since, last time.Duration
	lets        bool // its end will be told
	stuck       bool
}

// Down takes note of a press at now, a time that never goes back; lets says that its end will be told. It reports
// whether the key works: a stuck one is to be ignored.
func (h *Held) Down(now time.Duration, p Press, lets bool) bool {
	k := h.keys[p]
	// Two presses of one key without an end between: the end was lost on the way.
	if k == nil || k.lets || now-k.last > goneAfter {
		if k != nil && k.stuck {
			h.free = append(h.free, p)
		}
		if h.keys == nil {
			h.keys = map[Press]*hold{}
		}
		h.keys[p] = &hold{since: now, last: now, lets: lets}
		return true
	}
	k.last = now
	return !k.stuck
}

// Up takes note that a key was let go, and reports whether it had been stuck.
func (h *Held) Up(p Press) (wasStuck bool) {
	k := h.keys[p]
	delete(h.keys, p)
	return k != nil && k.stuck
}

// Look returns the keys that are found stuck at now and were not before, and those that were and have been let go, each
// in the order of their operations. It is to be called about once a second while Any is true.
func (h *Held) Look(now time.Duration) (stuck, free []Press) {
	free, h.free = h.free, nil
	for p, k := range h.keys {
		switch {
		case !k.lets && now-k.last > goneAfter:
			delete(h.keys, p)
			if k.stuck {
				free = append(free, p)
			}
		case !k.stuck && now-k.since > stuckAfter:
			k.stuck = true
			stuck = append(stuck, p)
		}
	}
	order := func(a, b Press) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Arg, b.Arg))
	}
	slices.SortFunc(stuck, order)
	slices.SortFunc(free, order)
	return stuck, free
}

// Any says whether a key is held.
func (h *Held) Any() bool { return len(h.keys) > 0 }

// Reset forgets all keys, as after the line was opened anew, and returns those that were stuck.
func (h *Held) Reset() (free []Press) {
	free = h.free
	for p := range maps.Keys(h.keys) {
		if h.keys[p].stuck {
			free = append(free, p)
		}
	}
	h.keys, h.free = nil, nil
	return free
}
