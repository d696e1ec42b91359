package store

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quhao/daemon/queue"
)

// TestTotals counts a day made by hand.
func TestTotals(t *testing.T) {
	s := opened(t)
	d := &day{s: s, next: 1}
	take := func(id, number string, dept queue.DeptID, state queue.TicketState, paper queue.Paper) queue.Ticket {
		k := ticket(id, number)
		k.Dept, k.State, k.Papers = dept, state, map[queue.RequestID]queue.Paper{"r": paper, "r2": queue.PaperAbandoned}
		return k
	}
	visited := func(id, outcome string, score int) queue.Visit {
		v := ended(visit(id, "1"))
		v.Outcome, v.Score = outcome, score
		return v
	}
	elsewhere := visit("w", "2")
	elsewhere.Day = 2
	staff := visited("v7", queue.Joint, 5)
	staff.Dept = "staff"
	mustAppend(t, s, []queue.Event{d.event(queue.DayOpened{}), d.event(queue.Issued{Ticket: "t5", Dept: "finance", Number: "A005"})},
		[]queue.Ticket{
			take("t1", "A001", "finance", queue.Done, queue.PaperConfirmed), take("t2", "A002", "finance", queue.Void, queue.PaperNone),
			take("t3", "A003", "finance", queue.Expired, queue.PaperSent), take("t4", "A004", "finance", queue.Gone, queue.PaperSent),
			take("t5", "A005", "staff", queue.Done, queue.PaperUnknown), // issued by finance, transferred since
		},
		[]queue.Visit{
			visited("v1", queue.Direct, 4), visited("v2", queue.Promised, 1), visited("v3", queue.Refused, 0), visited("v4", queue.NoShow, 0),
			visited("v5", queue.Undone, 0), visited("v6", queue.Transferred, 0), staff, visit("v8", "1"), elsewhere,
		})
	got, err := s.Totals(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []Total{
		{
			Dept: "finance", Taken: 5, Void: 1, Expired: 1, Called: 6, Served: 3, Missed: 1, Rated: 2, Mean: 2.5,
			Printed: map[queue.Paper]int{queue.PaperConfirmed: 1, queue.PaperNone: 1, queue.PaperSent: 2, queue.PaperUnknown: 1},
		},
		{Dept: "staff", Called: 1, Served: 1, Rated: 1, Mean: 5, Printed: map[queue.Paper]int{}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if none, err := s.Totals(t.Context(), 9); err != nil || len(none) != 0 {
		t.Errorf("a day without anything: %v, %v", none, err)
	}
	ratings, err := s.Ratings(t.Context(), 1)
	wantRatings := []Rating{
		{Visit: "v1", Dept: "finance", Counter: "1", Officer: "o1", Outcome: queue.Direct, Score: 4},
		{Visit: "v2", Dept: "finance", Counter: "1", Officer: "o1", Outcome: queue.Promised, Score: 1},
		{Visit: "v7", Dept: "staff", Counter: "1", Officer: "o1", Outcome: queue.Joint, Score: 5},
	}
	if diff := cmp.Diff(wantRatings, ratings); diff != "" || err != nil {
		t.Errorf("ratings (-want +got):\n%s%v", diff, err)
	}
}

// TestTotalsOfWalk compares the totals with the state they come from.
func TestTotalsOfWalk(t *testing.T) {
	s, w := opened(t), newWalk(41)
	for range 30 {
		mustRun(t, s, w, 20)
	}
	taken := 0
	for day := w.state.Day - 1; day <= w.state.Day; day++ {
		got, err := s.Totals(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		var have, want Total
		for _, d := range got {
			have.Taken, have.Void, have.Expired = have.Taken+d.Taken, have.Void+d.Void, have.Expired+d.Expired
			have.Rated, have.Missed = have.Rated+d.Rated, have.Missed+d.Missed
		}
		for _, k := range w.state.Tickets {
			if k.Day == day {
				want.Taken++
				want.Void += one(k.State == queue.Void)
				want.Expired += one(k.State == queue.Expired)
			}
		}
		for _, v := range w.state.Visits {
			if v.Day == day {
				want.Rated += one(v.Score > 0)
				want.Missed += one(v.Outcome == queue.NoShow)
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("day %d of the state (-want +got):\n%s", day, diff)
		}
		taken += want.Taken
	}
	if taken == 0 {
		t.Error("the walk has no tickets to count")
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestEventsAndByRequest(t *testing.T) {
	s, w := opened(t), newWalk(42)
	events, tickets, visits := w.run(t, 30)
	mustAppend(t, s, events, tickets, visits)
	for name, x := range map[string]struct {
		from  uint64
		limit int
		want  []uint64
	}{
		"the middle": {10, 3, []uint64{10, 11, 12}}, "the end": {29, 100, []uint64{29, 30}}, "behind the end": {31, 5, nil},
		"from zero": {0, 2, []uint64{1, 2}}, "none": {1, 0, nil}, "fewer than none": {1, -1, nil}, "far away": {1<<64 - 1, 10, nil},
	} {
		rows, err := s.Events(t.Context(), x.from, x.limit)
		var got []uint64
		for _, r := range rows {
			got = append(got, r.Seq)
		}
		if err != nil || !slices.Equal(got, x.want) {
			t.Errorf("%s: events %v, want %v, %v", name, got, x.want, err)
		}
	}
	for _, e := range events {
		got, ok, err := s.ByRequest(t.Context(), e.Request)
		if err != nil || ok != (e.Request != "") || ok && !cmp.Equal(got, e) {
			t.Errorf("request %q: %+v, %v, %v, want %+v", e.Request, got, ok, err, e)
		}
	}
	if _, ok, err := s.ByRequest(t.Context(), "never"); ok || err != nil {
		t.Errorf("a request that never was: %v, %v", ok, err)
	}
}

// TestPlans holds every query to its index: its cost must not grow with the years.
func TestPlans(t *testing.T) {
	s, w := opened(t), newWalk(43)
	mustRun(t, s, w, 500)
	for _, query := range []string{sqlHead, sqlRows, sqlLoadFrom, sqlHash, sqlTicketTotals, sqlVisitTotals, sqlRatings, sqlByRequest} {
		args := slices.Repeat([]any{1}, strings.Count(query, "?"))
		rows, err := s.read.Query("EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		plan := planOf(t, rows)
		if strings.Contains(plan, "SCAN") || !strings.Contains(plan, "SEARCH") {
			t.Errorf("%s:\n%s", query, plan)
		}
	}
}

func planOf(t *testing.T, rows *sql.Rows) string {
	t.Helper()
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// BenchmarkAppend measures a batch with its commit; ns/event is what one event costs.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			s, w := opened(b), newWalk(51)
			mustRun(b, s, w, 500)
			for b.Loop() {
				b.StopTimer()
				events, tickets, visits := w.run(b, batch)
				b.StartTimer()
				mustAppend(b, s, events, tickets, visits)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/event")
		})
	}
}
