package main

import "time"

// How long a unit on a line is left alone, in the time since the program's start.
const (
	// answerWithin is how long an answer is waited for, before the line is somebody else's. At 9600 baud an answer takes
	// a few milliseconds; the slowest displays think for some tens.
	answerWithin = 200 * time.Millisecond
	// silentAfter is how many times in a row a unit that answers may leave us without an answer before it counts as gone.
	silentAfter = 3
	// restFirst and restLast bound how long one that counts as gone is left alone, twice as long each time: a dead address
	// costs the others 200 ms in ten seconds, and one that is plugged in again is found within these.
	restFirst = time.Second
	restLast  = 10 * time.Second
	// behind is how much later a unit that counts as gone is served than one that answers, if both wait.
	behind = 2 * time.Second
)

// turns decides who on a line is spoken to next: whoever has waited longest, of those that are not left alone. It is pure.
type turns struct{ all []turn }

// turn is one unit on the line.
type turn struct {
	fresh bool          // something new is to be said to it
	since time.Duration // and has been waiting since
	again time.Duration // when it is spoken to although there is nothing new; 0: never
	rest  time.Duration // it is left alone until then
	// silent is how often in a row it has not answered.
	silent int
}

// want notes that something new is to be said to unit i.
func (t *turns) want(i int, now time.Duration) {
	if one := &t.all[i]; !one.fresh {
		one.fresh, one.since = true, now
	}
}

// next returns whose turn it is at now. If it is nobody's, ok is false and at is when to ask again, 0 for never.
func (t *turns) next(now time.Duration) (i int, at time.Duration, ok bool) {
	var longest time.Duration
	for j := range t.all {
		due, has := t.all[j].due()
		switch {
		case !has:
		case due > now:
			if at == 0 || due < at {
				at = due
			}
		default:
			if t.gone(j) {
				due += behind
			}
			if !ok || due < longest {
				i, longest, ok = j, due, true
			}
		}
	}
	return i, at, ok
}

// due is when a unit is spoken to at the earliest, if at all.
func (t *turn) due() (at time.Duration, ok bool) {
	switch {
	case t.fresh:
		return max(t.since, t.rest), true
	case t.again > 0:
		return max(t.again, t.rest), true
	}
	return 0, false
}

// said notes that unit i was told all that is new; every is when it is told again, 0 for never.
func (t *turns) said(i int, now, every time.Duration) {
	one := &t.all[i]
	one.fresh, one.again = false, 0
	if every > 0 {
		one.again = now + every
	}
}

// heard notes an answer of unit i, and reports whether it had counted as gone.
func (t *turns) heard(i int) (back bool) {
	back = t.gone(i)
	t.all[i].silent, t.all[i].rest = 0, 0
	return back
}

// missed notes that no answer of unit i has come. What was said to it is to be said again.
func (t *turns) missed(i int, now time.Duration) {
	one := &t.all[i]
	one.silent++
	if over := one.silent - silentAfter; over >= 0 {
		one.rest = now + min(restLast, restFirst<<min(over, 10))
	}
	t.want(i, now)
}

// gone says whether unit i counts as gone.
func (t *turns) gone(i int) bool { return t.all[i].silent >= silentAfter }
