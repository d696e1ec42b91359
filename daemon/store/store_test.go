package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quhao/daemon/queue"
)

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// opened gives a store in a new folder, closed at the end of the test.
func opened(t testing.TB) *Store {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	t.Cleanup(func() { mustClose(t, s) })
	return s
}

func mustAppend(t testing.TB, s *Store, events []queue.Event, tickets []queue.Ticket, visits []queue.Visit) {
	t.Helper()
	if err := s.Append(events, tickets, visits); err != nil {
		t.Fatal(err)
	}
}

// loaded is the state that a start would have.
func loaded(t testing.TB, s *Store) *queue.State {
	t.Helper()
	state := queue.New()
	if err := s.Load(func(e queue.Event) error { _, err := state.Apply(e); return err }); err != nil {
		t.Fatal(err)
	}
	return state
}

func sameState(t testing.TB, got, want *queue.State) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		all := cmp.Exporter(func(reflect.Type) bool { return true })
		t.Fatalf("the loaded state is not the live one (-loaded +live):\n%s", cmp.Diff(got, want, all))
	}
}

// dump gives all rows of a table as text.
func dump(t testing.TB, s *Store, table string) []string {
	t.Helper()
	rows, err := s.read.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReopenGivesTheSameState is 2000 random runs: 40 centres, each 50 times closed, opened again and loaded.
func TestReopenGivesTheSameState(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dir, w := t.TempDir(), newWalk(seed)
			for range 50 {
				s := mustOpen(t, dir)
				sameState(t, loaded(t, s), w.state)
				for range 1 + w.rng.IntN(6) {
					events, tickets, visits := w.run(t, 1+w.rng.IntN(20))
					mustAppend(t, s, events, tickets, visits)
				}
				mustClose(t, s)
			}
			s := mustOpen(t, dir)
			defer mustClose(t, s)
			sameState(t, loaded(t, s), w.state)
			if err := s.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
			rebuiltIsSame(t, s)
		})
	}
}

// rebuiltIsSame checks that what was written step by step is what the whole log gives.
func rebuiltIsSame(t *testing.T, s *Store) {
	t.Helper()
	tickets, visits := dump(t, s, "tickets"), dump(t, s, "visits")
	if len(tickets) == 0 || len(visits) == 0 {
		t.Fatalf("%d tickets and %d visits are too few to compare", len(tickets), len(visits))
	}
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tickets, dump(t, s, "tickets")); diff != "" {
		t.Errorf("tickets (-written +rebuilt):\n%s", diff)
	}
	if diff := cmp.Diff(visits, dump(t, s, "visits")); diff != "" {
		t.Errorf("visits (-written +rebuilt):\n%s", diff)
	}
}

// TestRebuildMendsTables spoils the derived tables and has them made anew.
func TestRebuildMendsTables(t *testing.T) {
	s, w := opened(t), newWalk(7)
	for range 10 {
		events, tickets, visits := w.run(t, 64)
		mustAppend(t, s, events, tickets, visits)
	}
	want := dump(t, s, "tickets")
	if _, err := s.write.Exec(`UPDATE tickets SET state = 'void', papers = 9; DELETE FROM visits`); err != nil {
		t.Fatal(err)
	}
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, dump(t, s, "tickets")); diff != "" {
		t.Errorf("tickets (-written +rebuilt):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Rebuild(ctx); err == nil {
		t.Error("a rebuild that was broken off reports success")
	}
	if diff := cmp.Diff(want, dump(t, s, "tickets")); diff != "" {
		t.Errorf("a rebuild that was broken off left (-before +after):\n%s", diff)
	}
}

// TestLoadReadsNoFurtherThanTheDayBefore holds Load to its promise: ten quiet days, and only the last two are read.
func TestLoadReadsNoFurtherThanTheDayBefore(t *testing.T) {
	s, w := opened(t), newWalk(1)
	do := func(wish queue.Wish) queue.Event {
		w.n++
		c := queue.Command{Request: queue.RequestID(fmt.Sprint("r", w.n)), Actor: "test", Do: wish}
		e, no := queue.Decide(w.rules, w.state, c, w.now)
		if no != nil {
			t.Fatal(no)
		}
		changed, err := w.state.Apply(e)
		if err != nil {
			t.Fatal(err)
		}
		var tickets []queue.Ticket
		for _, x := range changed.Tickets {
			tickets = append(tickets, *x)
		}
		mustAppend(t, s, []queue.Event{e}, tickets, nil)
		return e
	}
	var openings []uint64
	for range 10 {
		openings = append(openings, do(queue.OpenDay{}).Seq)
		do(queue.Take{Dept: "finance"})
		do(queue.CloseDay{Force: true})
	}
	first := uint64(0)
	err := s.Load(func(e queue.Event) error {
		if first == 0 {
			first = e.Seq
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := openings[8]; first != want {
		t.Errorf("Load begins with event %d, the day before was opened by event %d", first, want)
	}
}

func TestLoadEndsWithErrorOfApply(t *testing.T) {
	s, w := opened(t), newWalk(3)
	events, tickets, visits := w.run(t, 20)
	mustAppend(t, s, events, tickets, visits)
	n := 0
	err := s.Load(func(queue.Event) error {
		if n++; n == 5 {
			return os.ErrInvalid
		}
		return nil
	})
	if err == nil || n != 5 {
		t.Errorf("Load went on to event %d with error %v", n, err)
	}
}

// TestDamagedFiles opens what is no database, and what is half of one.
func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	s, w := mustOpen(t, dir), newWalk(5)
	for range 20 {
		events, tickets, visits := w.run(t, 64)
		mustAppend(t, s, events, tickets, visits)
	}
	mustClose(t, s)
	good, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	spoiled := append([]byte(nil), good...)
	for i := len(spoiled) / 2; i < len(spoiled)/2+8192; i++ {
		spoiled[i] ^= 0x5a
	}
	for name, text := range map[string][]byte{
		"text": []byte(strings.Repeat("not a database\n", 300)), "half": good[:len(good)/2], "spoiled": spoiled,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(dir, Options{}); err == nil {
			t.Errorf("%s: opened without an error", name)
			mustClose(t, s)
		} else if !strings.Contains(err.Error(), fileName) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
		if f, err := lock(dir, "the next one"); err != nil {
			t.Errorf("%s: the failed Open keeps the lock: %v", name, err)
		} else if err := unlock(f); err != nil {
			t.Error(err)
		}
	}
}

// TestPathWithOddCharacters checks that a folder's name is not read as options of the database.
func TestPathWithOddCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "数据 ?mode=memory#100%20&x")
	s, w := mustOpen(t, dir), newWalk(5)
	events, tickets, visits := w.run(t, 9)
	mustAppend(t, s, events, tickets, visits)
	mustClose(t, s)
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir)
	defer mustClose(t, s)
	sameState(t, loaded(t, s), w.state)
}

func TestAppendWithoutEvents(t *testing.T) {
	s := opened(t)
	if err := s.Append(nil, nil, nil); err != nil {
		t.Errorf("nothing to write is no error: %v", err)
	}
	if err := s.Append(nil, []queue.Ticket{{ID: "t", Number: "A001"}}, nil); err == nil {
		t.Error("a ticket was changed without an event")
	}
}

// TestSettings asks the connections themselves: a misspelt option would be passed over without a word.
func TestSettings(t *testing.T) {
	s := opened(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000", "foreign_keys": "1", "recursive_triggers": "1", "query_only": "0",
	} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s of the connection that writes is %q, want %q, %v", pragma, got, want, err)
		}
	}
	var got string
	if err := s.read.QueryRow("PRAGMA query_only").Scan(&got); err != nil || got != "1" {
		t.Errorf("query_only of the pool is %q, %v", got, err)
	}
}

// TestProbe checks that a probe reaches the disk and leaves the log as it is.
func TestProbe(t *testing.T) {
	s, w := opened(t), newWalk(61)
	mustRun(t, s, w, 20)
	size := func() int64 {
		f, err := os.Stat(s.path() + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return f.Size()
	}
	was := size()
	if err := s.Probe(); err != nil {
		t.Fatal(err)
	}
	if size() <= was {
		t.Error("nothing was written")
	}
	sameState(t, loaded(t, s), w.state)
	mustRun(t, s, w, 20)
	if _, err := s.write.Exec("PRAGMA query_only = on"); err != nil {
		t.Fatal(err)
	}
	if err := s.Probe(); err == nil {
		t.Error("a probe that cannot write reports success")
	}
}
