package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"quhao/daemon/queue"
)

const (
	sqlTicketTotals = `SELECT first_dept, paper, state, count(*) FROM tickets WHERE day = ? GROUP BY first_dept, paper, state`
	sqlVisitTotals  = `SELECT dept, outcome, count(*), sum(score > 0), sum(score) FROM visits WHERE day = ? GROUP BY dept, outcome`
	sqlRatings      = `SELECT id, dept, counter, officer, outcome, score FROM visits WHERE day = ? AND score > 0 ORDER BY id`
	sqlByRequest    = `SELECT ` + rowColumns + ` FROM events WHERE request = ? AND request <> ''`
)

// Total is one department on one day. Tickets are counted where they were issued, visits where they took place:
// after a transfer that is not the same.
type Total struct {
	Dept    queue.DeptID
	Taken   int                 // tickets issued
	Printed map[queue.Paper]int // of these, by what is known best of their paper
	Void    int                 // of these, certainly without paper
	Expired int                 // of these, not served before the day was closed
	Called  int                 // visits, but for those that were undone
	Served  int                 // of these, ended with one of the five outcomes of the regulation
	Missed  int                 // of these, nobody came
	Rated   int                 // of these, with a score
	Mean    float64             // of the scores, 1 to 5; 0 without any
}

// Totals gives the figures of a day by department, sorted by its name. Departments where nothing happened are not in it.
func (s *Store) Totals(ctx context.Context, day queue.Day) ([]Total, error) {
	// One transaction, so that tickets and visits are of one moment.
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("totals of day %d: %w", day, err)
	}
	defer tx.Rollback() // it has only read
	depts := totals{}
	if err := depts.tickets(ctx, tx, day); err != nil {
		return nil, fmt.Errorf("totals of day %d: %w", day, err)
	}
	if err := depts.visits(ctx, tx, day); err != nil {
		return nil, fmt.Errorf("totals of day %d: %w", day, err)
	}
	var out []Total
	for _, d := range slices.Sorted(maps.Keys(depts)) {
		out = append(out, *depts[d])
	}
	return out, nil
}

// totals collects the figures of a day.
type totals map[queue.DeptID]*Total

func (t totals) of(d queue.DeptID) *Total {
	if t[d] == nil {
		t[d] = &Total{Dept: d, Printed: map[queue.Paper]int{}}
	}
	return t[d]
}

func (t totals) tickets(ctx context.Context, q querier, day queue.Day) error {
	rows, err := q.QueryContext(ctx, sqlTicketTotals, int64(day))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var dept queue.DeptID
		var paper queue.Paper
		var state queue.TicketState
		var n int
		if err := rows.Scan(&dept, &paper, &state, &n); err != nil {
			return err
		}
		d := t.of(dept)
		d.Taken += n
		d.Printed[paper] += n
		switch state {
		case queue.Void:
			d.Void += n
		case queue.Expired:
			d.Expired += n
		}
	}
	return rows.Err()
}

func (t totals) visits(ctx context.Context, q querier, day queue.Day) error {
	rows, err := q.QueryContext(ctx, sqlVisitTotals, int64(day))
	if err != nil {
		return err
	}
	defer rows.Close()
	sums := map[queue.DeptID]int{}
	for rows.Next() {
		var dept queue.DeptID
		var outcome string
		var n, rated, sum int
		if err := rows.Scan(&dept, &outcome, &n, &rated, &sum); err != nil {
			return err
		}
		d := t.of(dept)
		if outcome != queue.Undone {
			d.Called += n
		}
		switch outcome {
		case queue.Direct, queue.Promised, queue.Joint, queue.Supplement, queue.Refused:
			d.Served += n
		case queue.NoShow:
			d.Missed += n
		}
		d.Rated += rated
		if sums[dept] += sum; d.Rated > 0 {
			d.Mean = float64(sums[dept]) / float64(d.Rated)
		}
	}
	return rows.Err()
}

// Rating is one visitor's score of one visit. It is for the assessment and the cases that a bad score opens; who may see
// what of it, and that a group under five is not shown, is the reader's business.
type Rating struct {
	Visit   queue.VisitID
	Dept    queue.DeptID
	Counter queue.CounterID
	Officer queue.OfficerID
	Outcome string
	Score   int // 1 to 5
}

// Ratings gives the scores of the visits of a day, in the order of their ids.
func (s *Store) Ratings(ctx context.Context, day queue.Day) ([]Rating, error) {
	rows, err := s.read.QueryContext(ctx, sqlRatings, int64(day))
	if err != nil {
		return nil, fmt.Errorf("ratings of day %d: %w", day, err)
	}
	defer rows.Close()
	var out []Rating
	for rows.Next() {
		var r Rating
		if err := rows.Scan(&r.Visit, &r.Dept, &r.Counter, &r.Officer, &r.Outcome, &r.Score); err != nil {
			return nil, fmt.Errorf("ratings of day %d: %w", day, err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// maxEvents bounds one answer of Events.
const maxEvents = 10_000

// lastSeq is the highest number that SQLite can hold.
const lastSeq = 1<<63 - 1

// Events gives rows of the log as they stand there, in order, from one number on, at most limit and never more than 10000.
func (s *Store) Events(ctx context.Context, from uint64, limit int) ([]Row, error) {
	limit = min(limit, maxEvents)
	if limit <= 0 || from > lastSeq-maxEvents {
		return nil, nil
	}
	from = max(from, 1)
	var out []Row
	err := scan(ctx, s.read, from, from+uint64(limit)-1, func(r *Row) error {
		out = append(out, *r)
		return nil
	})
	return out, err
}

// ByRequest gives the event that a command caused, however long ago; false if it caused none. From it the same answer
// can be given again.
func (s *Store) ByRequest(ctx context.Context, id queue.RequestID) (queue.Event, bool, error) {
	r, err := scanRow(s.byReq.QueryRowContext(ctx, string(id)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return queue.Event{}, false, nil
	}
	if err != nil {
		return queue.Event{}, false, fmt.Errorf("find request %s: %w", id, err)
	}
	e, err := s.codec.event(r)
	return e, err == nil, err
}
