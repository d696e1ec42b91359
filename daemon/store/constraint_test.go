package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quhao/daemon/queue"
)

// day is one open day with a ticket and an ended visit, made by hand so that each test can break one thing.
type day struct {
	s    *Store
	next uint64
}

var atEight = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// event makes the next event of the log.
func (d *day) event(b queue.Body) queue.Event {
	e := queue.Event{Seq: d.next, At: atEight, Day: 1, Actor: "test", Body: b}
	d.next++
	return e
}

func ticket(id, number string) queue.Ticket {
	return queue.Ticket{
		ID: queue.TicketID(id), Day: 1, Dept: "finance", Number: number, Num: 1, Issued: atEight, State: queue.Waiting,
		Papers: map[queue.RequestID]queue.Paper{"r": queue.PaperSent, "r2": queue.PaperNone}, Touched: 2,
	}
}

func visit(id, counter string) queue.Visit {
	return queue.Visit{ID: queue.VisitID(id), Ticket: "t1", Day: 1, Dept: "finance", Counter: queue.CounterID(counter), Officer: "o1", Called: atEight}
}

func ended(v queue.Visit) queue.Visit {
	v.Ended, v.Outcome = atEight.Add(time.Minute), queue.Direct
	return v
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{s: opened(t), next: 1}
	taken := d.event(queue.DayOpened{})
	issued := d.event(queue.Issued{Ticket: "t1", Dept: "finance", Number: "A001", Num: 1})
	issued.Request = "t1"
	fact := d.event(queue.FactKept{What: "old"})
	fact.Install, fact.FactSeq = "i1", 1
	rated := d.event(queue.Rated{Visit: "v0", Score: 4})
	mustAppend(t, d.s, []queue.Event{taken, issued, fact, rated}, []queue.Ticket{ticket("t1", "A001")},
		[]queue.Visit{ended(visit("v0", "1")), visit("v1", "1")})
	return d
}

func (d *day) snapshot(t *testing.T) []string {
	t.Helper()
	return slices.Concat(dump(t, d.s, "events"), dump(t, d.s, "head"), dump(t, d.s, "tickets"), dump(t, d.s, "visits"))
}

// TestConstraints tries to write what must not be. Each try comes in one batch with events and rows that are good,
// and must leave nothing of them behind; and the store must go on after it.
func TestConstraints(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(*queue.Event) // the second event of the batch
		body  queue.Body
		t     []queue.Ticket
		v     []queue.Visit
		words string
	}{
		"a second paper with one number on one day": {t: []queue.Ticket{ticket("t9", "A001")}, words: "tickets.number"},
		"a ticket without a number":                 {t: []queue.Ticket{ticket("t9", "")}, words: "number <> ''"},
		"a second open visit at a counter":          {v: []queue.Visit{visit("v9", "1")}, words: "visits.counter"},
		"a second rating of a visit":                {body: queue.Rated{Visit: "v0", Score: 5}, words: "events_rated"},
		"a score of six": {v: []queue.Visit{func() queue.Visit { v := ended(visit("v9", "2")); v.Score = 6; return v }()},
			words: "score BETWEEN"},
		"a visit that is open and has an outcome": {v: []queue.Visit{func() queue.Visit { v := visit("v9", "2"); v.Outcome = "direct"; return v }()},
			words: "CHECK"},
		"a second fact with one number": {spoil: func(e *queue.Event) { e.Install, e.FactSeq = "i1", 1 }, words: "events.fact_seq"},
		"a second effect of a command":  {spoil: func(e *queue.Event) { e.Request = "t1" }, words: "events.request"},
		"a second opening of a day":     {body: queue.DayOpened{}, words: "events.day"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDay(t)
			before := d.snapshot(t)
			good, bad := d.event(queue.Issued{Ticket: "t2", Dept: "finance", Number: "A002"}), d.event(queue.FactKept{})
			if x.body != nil {
				bad.Body = x.body
			}
			if x.spoil != nil {
				x.spoil(&bad)
			}
			err := d.s.Append([]queue.Event{good, bad}, append([]queue.Ticket{ticket("t2", "A002")}, x.t...), x.v)
			refusal, ok := errors.AsType[ErrRefused](err)
			if !ok || !strings.Contains(refusal.What, x.words) {
				t.Fatalf("want a refusal that speaks of %q, got %v", x.words, err)
			}
			if diff := cmp.Diff(before, d.snapshot(t)); diff != "" {
				t.Errorf("the refused batch left behind (-before +after):\n%s", diff)
			}
			mustAppend(t, d.s, []queue.Event{good}, []queue.Ticket{ticket("t2", "A002")}, nil)
		})
	}
}

// TestAllowed is what looks alike and is right: the constraints must not stand in its way.
func TestAllowed(t *testing.T) {
	d := newDay(t)
	twin := ticket("t2", "A001")
	twin.Twin = 1
	tomorrow := ticket("t3", "A001")
	tomorrow.Day = 2
	e1, e2, e3 := d.event(queue.FactKept{}), d.event(queue.FactKept{}), d.event(queue.Rated{Visit: "v1", Score: 4})
	e1.Install, e1.FactSeq = "i2", 1
	e2.Install, e2.FactSeq = "i1", 1<<64-1 // whatever a device claims can be written
	// The counter goes on to its next visitor: the order of the rows must not matter.
	mustAppend(t, d.s, []queue.Event{e1, e2, e3}, []queue.Ticket{twin, tomorrow}, []queue.Visit{visit("v2", "1"), ended(visit("v1", "1"))})
	rows, err := d.s.Events(t.Context(), 6, 1)
	if err != nil || len(rows) != 1 || rows[0].FactSeq != 1<<64-1 {
		t.Errorf("event 6 comes back as %+v, %v", rows, err)
	}
	// Of several values of one visit in a batch the last counts.
	mustAppend(t, d.s, []queue.Event{d.event(queue.FactKept{})}, nil, []queue.Visit{visit("v3", "1"), ended(visit("v2", "1")), ended(visit("v3", "1"))})
	if got := dump(t, d.s, "visits WHERE ended IS NULL"); len(got) != 0 {
		t.Errorf("open visits are left: %v", got)
	}
}

// TestLogIsNeverChanged tries to change the log past Append.
func TestLogIsNeverChanged(t *testing.T) {
	d := newDay(t)
	before := d.snapshot(t)
	const columns = `(seq, at, day, kind, version, request, actor, install, fact_seq, fact_sum, fact_gap, body, prev, hash)`
	insert := ` INTO events ` + columns + ` SELECT %s, at, day, 'ready', version, '', actor, '', 0, '', 0, body, %s, randomblob(32) FROM events WHERE seq = 2`
	for _, try := range []string{
		`UPDATE events SET body = '{}' WHERE seq = 2`,
		`UPDATE events SET actor = actor`,
		`DELETE FROM events WHERE seq = 4`,
		`DELETE FROM events`,
		fmt.Sprintf(`INSERT`+insert, "99", "(SELECT hash FROM head)"),
		fmt.Sprintf(`INSERT`+insert, "5", "zeroblob(32)"),
		fmt.Sprintf(`REPLACE`+insert, "2", "(SELECT hash FROM head)"),
		fmt.Sprintf(`INSERT OR REPLACE`+insert, "4", "prev"),
		`REPLACE INTO events ` + columns + ` SELECT 5, at, day, kind, version, request, actor, '', 0, '', 0, body, (SELECT hash FROM head), randomblob(32) FROM events WHERE seq = 2`,
	} {
		_, err := d.s.write.Exec(try)
		if _, ok := errors.AsType[ErrRefused](refused(err)); !ok {
			t.Errorf("%s was not refused: %v", try, err)
		}
	}
	if diff := cmp.Diff(before, d.snapshot(t)); diff != "" {
		t.Errorf("the log has changed (-before +after):\n%s", diff)
	}
	if _, err := d.s.read.Exec(`DELETE FROM visits`); err == nil {
		t.Error("the pool for reading can write")
	}
}

// TestAppendRefusesWrongEvents checks what Append itself looks at.
func TestAppendRefusesWrongEvents(t *testing.T) {
	d := newDay(t)
	before := d.snapshot(t)
	for name, spoil := range map[string]func(*queue.Event){
		"a gap":            func(e *queue.Event) { e.Seq++ },
		"a repetition":     func(e *queue.Event) { e.Seq-- },
		"a time too fine":  func(e *queue.Event) { e.At = e.At.Add(time.Microsecond) },
		"no body":          func(e *queue.Event) { e.Body = nil },
		"a body not known": func(e *queue.Event) { e.Body = stranger{} },
	} {
		bad := queue.Event{Seq: d.next, At: atEight, Day: 1, Body: queue.FactKept{}}
		spoil(&bad)
		if err := d.s.Append([]queue.Event{bad}, nil, nil); err == nil || !strings.Contains(err.Error(), "append event") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, d.snapshot(t)); diff != "" {
		t.Errorf("a refused event left behind (-before +after):\n%s", diff)
	}
}
