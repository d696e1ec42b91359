package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"quhao/daemon/queue"
)

// unguarded gives a store with a log of n events or a few more, and takes the triggers away that guard it.
func unguarded(t *testing.T, n int) (*Store, uint64) {
	t.Helper()
	s, w := opened(t), newWalk(11)
	events, tickets, visits := w.run(t, n)
	mustAppend(t, s, events, tickets, visits)
	for _, trigger := range []string{"events_no_update", "events_no_delete", "events_follow", "events_head"} {
		raw(t, s, "DROP TRIGGER "+trigger)
	}
	raw(t, s, "DROP INDEX events_rated") // it reads the body, and would refuse some of what the tests do to it
	return s, w.state.Seq
}

func raw(t *testing.T, s *Store, query string, args ...any) {
	t.Helper()
	if _, err := s.write.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

func brokenAt(t *testing.T, s *Store, want uint64, what string) {
	t.Helper()
	err := s.Verify(t.Context(), nil)
	if b, ok := errors.AsType[ErrBroken](err); !ok || b.Seq != want {
		t.Errorf("%s: want the break at event %d, got %v", what, want, err)
	}
}

// TestVerifyFindsEveryChange changes each column of each event by as little as one byte.
func TestVerifyFindsEveryChange(t *testing.T) {
	s, last := unguarded(t, 120)
	text := func(column string) string { return column + " = " + column + " || 'x'" }
	changes := []string{
		"at = at + 1", "day = day + 1000", text("kind"), "version = version + 1", text("request"), text("actor"), text("install"),
		"fact_seq = fact_seq + 1000", text("fact_sum"), "fact_gap = fact_gap + 1", text("body"),
		// one byte in the middle of the body
		"body = substr(body, 1, length(body) / 2) || char(unicode(substr(body, length(body) / 2 + 1, 1)) + 1) || substr(body, length(body) / 2 + 2)",
		"prev = randomblob(32)", "hash = randomblob(32)",
		// the same bytes in other columns
		"actor = actor || 'a', request = 'b'",
	}
	raw(t, s, "CREATE TABLE kept AS SELECT * FROM events")
	for seq := uint64(1); seq <= last; seq++ {
		for _, change := range changes {
			raw(t, s, "UPDATE events SET "+change+" WHERE seq = ?", int64(seq))
			brokenAt(t, s, seq, fmt.Sprintf("event %d, %s", seq, change))
			raw(t, s, "REPLACE INTO events SELECT * FROM kept WHERE seq = ?", int64(seq))
		}
	}
	if err := s.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestVerifyFindsRemoved removes each event, and cuts the log at each.
func TestVerifyFindsRemoved(t *testing.T) {
	s, last := unguarded(t, 60)
	raw(t, s, "CREATE TABLE kept AS SELECT * FROM events")
	for seq := uint64(1); seq <= last; seq++ {
		raw(t, s, "DELETE FROM events WHERE seq = ?", int64(seq))
		brokenAt(t, s, seq, "removed")
		raw(t, s, "DELETE FROM events WHERE seq > ?", int64(seq))
		brokenAt(t, s, seq, "cut off")
		if err := checkEnd(s.write); err == nil {
			t.Errorf("a start does not see that the log was cut at event %d", seq)
		}
		if err := s.Load(func(queue.Event) error { return nil }); err == nil {
			t.Errorf("Load does not see that the log was cut at event %d", seq)
		}
		raw(t, s, "REPLACE INTO events SELECT * FROM kept")
	}
	// One that was put behind the head, and a head that was put back.
	raw(t, s, `INSERT INTO events SELECT seq + 1, at, day, 'ready', version, '', actor, '', 0, '', 0, '{"Tickets":null}', hash, randomblob(32)
 FROM events WHERE seq = ?`, int64(last))
	brokenAt(t, s, last+1, "behind the head")
	if err := checkEnd(s.write); err == nil {
		t.Error("a start does not see an event behind the head")
	}
	raw(t, s, "DELETE FROM events WHERE seq > ?", int64(last))
	raw(t, s, "UPDATE head SET hash = randomblob(32)")
	brokenAt(t, s, last, "another hash in the head")
}

// TestLoadFindsBroken checks the part of the chain that a start reads.
func TestLoadFindsBroken(t *testing.T) {
	s, last := unguarded(t, 60)
	raw(t, s, "UPDATE events SET actor = 'x' WHERE seq = ?", int64(last-1))
	err := s.Load(func(queue.Event) error { return nil })
	if b, ok := errors.AsType[ErrBroken](err); !ok || b.Seq != last-1 {
		t.Errorf("want the break at event %d, got %v", last-1, err)
	}
	if err := s.Rebuild(t.Context()); err == nil {
		t.Error("the tables were rebuilt from a broken log")
	}
}

func TestVerifyTellsProgress(t *testing.T) {
	s, w := opened(t), newWalk(12)
	for range 20 {
		mustRun(t, s, w, 512)
	}
	var told []uint64
	err := s.Verify(t.Context(), func(done, total uint64) {
		if total != w.state.Seq {
			t.Errorf("total %d, want %d", total, w.state.Seq)
		}
		told = append(told, done)
	})
	if err != nil || len(told) != 3 || told[2] != w.state.Seq {
		t.Errorf("told %v, %v", told, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Verify(ctx, func(uint64, uint64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that was broken off ends with %v", err)
	}
}

// mustRun appends a batch of n events of a walk.
func mustRun(t testing.TB, s *Store, w *walk, n int) {
	t.Helper()
	events, tickets, visits := w.run(t, n)
	mustAppend(t, s, events, tickets, visits)
}
