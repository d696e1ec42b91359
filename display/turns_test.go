package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A line of n units, of which some are dead: how often each is spoken to within a minute, and how long a new word waits.
func spoken(t *testing.T, n int, dead func(i int) bool) (times []int, longest, later time.Duration) {
	t.Helper()
	line := turns{make([]turn, n)}
	times = make([]int, n)
	var now time.Duration
	for i := range n {
		line.want(i, now)
	}
	for news := time.Second; now < time.Minute; {
		if now >= news { // each second a new word for all, as on a busy morning
			news += time.Second
			for i := range n {
				line.want(i, now)
			}
		}
		i, at, ok := line.next(now)
		if !ok {
			now = min(max(at, now+time.Millisecond), news)
			continue
		}
		if !dead(i) && line.all[i].fresh {
			longest = max(longest, now-line.all[i].since)
			if now > 10*time.Second {
				later = max(later, now-line.all[i].since)
			}
		}
		times[i]++
		line.said(i, now, 3*time.Second)
		if dead(i) {
			now += answerWithin
			line.missed(i, now)
			continue
		}
		now += 15 * time.Millisecond
		line.heard(i)
	}
	return times, longest, later
}

func TestTurnsAreFair(t *testing.T) {
	times, longest, _ := spoken(t, 16, func(int) bool { return false })
	for i, n := range times {
		if n < 60 || n > 61 {
			t.Errorf("unit %d had %d turns in a minute", i, n)
		}
	}
	if longest > 16*15*time.Millisecond {
		t.Errorf("a new word has waited %v", longest)
	}
}

// Half of the line is dead: the others go on, and the dead are asked less often, but are asked.
func TestTurnsOfDeadAddresses(t *testing.T) {
	times, longest, later := spoken(t, 16, func(i int) bool { return i%2 == 1 })
	for i, n := range times {
		switch dead := i%2 == 1; {
		case dead && (n < 6 || n > 12):
			t.Errorf("dead unit %d was asked %d times in a minute", i, n)
		case !dead && n < 55:
			t.Errorf("unit %d had %d turns in a minute", i, n)
		}
	}
	// One dead address that was just being asked, and the others of the line; only before they are known as dead do all
	// eight cost their time in a row.
	if most := 8*answerWithin + 16*15*time.Millisecond; longest > most {
		t.Errorf("at the start a new word has waited %v, at most %v", longest, most)
	}
	if most := answerWithin + 16*15*time.Millisecond; later > most {
		t.Errorf("later a new word has waited %v, at most %v", later, most)
	}
	t.Logf("16 addresses, 8 dead: turns %v, the longest wait of a living one %v, after the first ten seconds %v", times, longest, later)
}

// One that comes back is found within ten seconds, and is like all others then.
func TestTurnsComeBack(t *testing.T) {
	line := turns{make([]turn, 1)}
	now := time.Duration(0)
	line.want(0, now)
	for range 20 {
		i, at, ok := line.next(now)
		if !ok {
			if at-now > restLast {
				t.Fatalf("left alone for %v", at-now)
			}
			now = at
			i, _, ok = line.next(now)
		}
		if !ok {
			t.Fatal("nobody's turn when it was due")
		}
		line.said(i, now, time.Second)
		line.missed(i, now)
	}
	if !line.gone(0) || !line.heard(0) || line.gone(0) {
		t.Error("it is not back")
	}
	line.said(0, now, time.Second)
	if _, at, ok := line.next(now); ok || at != now+time.Second {
		t.Errorf("next at %v", at-now)
	}
}

// Whatever happens on the line, everybody who is wanted gets a turn, and the time to ask again is never missed.
func TestTurnsNobodyStarves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "units")
		line := turns{make([]turn, n)}
		var now time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, n-1).Draw(t, "unit")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				line.want(i, now)
			case 1:
				line.missed(i, now)
			case 2:
				line.heard(i)
			case 3:
				line.said(i, now, time.Duration(rapid.IntRange(0, 5).Draw(t, "every"))*time.Second)
			}
			now += time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond
		}
		wanted := rapid.IntRange(0, n-1).Draw(t, "wanted")
		line.want(wanted, now)
		for end := now + restLast + time.Duration(n)*time.Second; now <= end; {
			i, at, ok := line.next(now)
			switch {
			case ok && i == wanted:
				return
			case ok:
				now += 100 * time.Millisecond
				line.said(i, now, 0)
			case at <= now:
				t.Fatalf("nobody's turn, and none later")
			default:
				now = at
			}
		}
		t.Fatal("it has no turn")
	})
}
