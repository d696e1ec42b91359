package store

import (
	"database/sql"
	"errors"
	"fmt"

	"quhao/daemon/queue"
)

const (
	sqlAddEvent = `INSERT INTO events (` + rowColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

	// first_dept stays what the first writing of the row gave it.
	sqlPutTicket = `INSERT INTO tickets (day, id, first_dept, dept, item, num, number, twin, class, lang, device, issued, ahead,
 state, returned, counter, only_at, paper, papers, odd, touched) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
 ON CONFLICT (day, id) DO UPDATE SET dept = excluded.dept, state = excluded.state, returned = excluded.returned,
 counter = excluded.counter, only_at = excluded.only_at, paper = excluded.paper, papers = excluded.papers,
 odd = excluded.odd, touched = excluded.touched`

	sqlPutVisit = `INSERT INTO visits (day, id, ticket, dept, counter, officer, called, started, ended, outcome, recalls, score,
 touched) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
 ON CONFLICT (day, id) DO UPDATE SET started = excluded.started, ended = excluded.ended, outcome = excluded.outcome,
 recalls = excluded.recalls, score = excluded.score, touched = excluded.touched`
)

// statements are prepared once, on the connection that writes.
type statements struct{ head, event, ticket, visit *sql.Stmt }

func prepare(db *sql.DB) (st statements, err error) {
	for _, p := range []struct {
		into **sql.Stmt
		text string
	}{{&st.head, sqlHead}, {&st.event, sqlAddEvent}, {&st.ticket, sqlPutTicket}, {&st.visit, sqlPutVisit}} {
		if *p.into, err = db.Prepare(p.text); err != nil {
			return st, errors.Join(fmt.Errorf("prepare %.30q: %w", p.text, err), st.close())
		}
	}
	return st, nil
}

func (st statements) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{st.head, st.event, st.ticket, st.visit} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// in gives the statements as part of a transaction, which closes them.
func (st statements) in(tx *sql.Tx) statements {
	return statements{head: tx.Stmt(st.head), event: tx.Stmt(st.event), ticket: tx.Stmt(st.ticket), visit: tx.Stmt(st.visit)}
}

// Append writes events, which must follow the last one without a gap, and the tickets and visits they have changed, as
// they are after the last of these events, in one transaction. Of several values of one ticket or visit the last counts.
// When it returns nil, all of it survives a power cut; when it returns an error, nothing of it is there, with one
// exception: if the disk fails in the commit, the events are not seen now, but they come back should the program end
// before the next commit that succeeds. Probe is such a commit; after it, nothing of them is there for good.
// ErrRefused is in the error if a constraint stood against it.
func (s *Store) Append(events []queue.Event, tickets []queue.Ticket, visits []queue.Visit) error {
	if len(events) == 0 {
		if len(tickets)+len(visits) > 0 {
			return errors.New("append: tickets and visits change by events only")
		}
		return nil
	}
	s.appending.Lock()
	defer s.appending.Unlock()
	known := s.tail
	s.tail = nil // until this commit has succeeded
	// No context: a write that is broken off half-way leaves in doubt what the caller needs to know.
	tx, err := s.write.Begin()
	if err != nil {
		return fmt.Errorf("append from event %d: %w", events[0].Seq, err)
	}
	defer tx.Rollback() // after a commit it does nothing
	st := s.stmt.in(tx)
	last, err := s.addEvents(st, known, events)
	if err != nil {
		return err
	}
	if err := st.derive(firstDepts(events), tickets, visits); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit events %d to %d: %w", events[0].Seq, events[len(events)-1].Seq, refused(err))
	}
	s.tail = &last
	return nil
}

// Probe makes a commit that changes nothing but a count of probes. Where it returns nil, the disk takes writes again, and what was left in doubt
// by an Append whose commit failed is gone (it is overwritten in SQLite's own log). The controller needs no call of it: its first
// commit after a failure, the raised epoch, does the same.
func (s *Store) Probe() error {
	if _, err := s.write.Exec(`UPDATE head SET probes = probes + 1 WHERE id = 1`); err != nil {
		return fmt.Errorf("probe %s: %w", s.path(), err)
	}
	return nil
}

// addEvents writes events behind the head, and returns the new one. The head that the last commit left is not read again;
// after a failure, when that is in question, it is. The log itself refuses an event that does not follow its head.
func (s *Store) addEvents(st statements, known *head, events []queue.Event) (head, error) {
	if known == nil {
		h, err := scanHead(st.head.QueryRow())
		if err != nil {
			return head{}, err
		}
		known = &h
	}
	h := *known
	for _, e := range events {
		if want := h.seq + 1; e.Seq != want {
			return head{}, fmt.Errorf("append event %d: the next one of the log is event %d", e.Seq, want)
		}
		r, err := s.codec.row(e, h.hash)
		if err != nil {
			return head{}, fmt.Errorf("append event %d: %w", e.Seq, err)
		}
		_, err = st.event.Exec(int64(r.Seq), r.At, r.Day, r.Kind, r.Version, r.Request, r.Actor, r.Install, int64(r.FactSeq),
			r.FactSum, int64(r.FactGap), r.Body, r.Prev[:], r.Hash[:])
		if err != nil {
			return head{}, fmt.Errorf("append event %d %s: %w", r.Seq, r.Kind, refused(err))
		}
		h = head{seq: r.Seq, hash: r.Hash, last: r.Seq}
	}
	return h, nil
}

// firstDepts says which department gave the number of each ticket that was issued by the events.
func firstDepts(events []queue.Event) map[queue.TicketID]queue.DeptID {
	first := map[queue.TicketID]queue.DeptID{}
	for _, e := range events {
		if b, ok := e.Body.(queue.Issued); ok {
			first[b.Ticket] = b.Dept
		}
	}
	return first
}

// derive writes rows of the derived tables.
func (st statements) derive(first map[queue.TicketID]queue.DeptID, tickets []queue.Ticket, visits []queue.Visit) error {
	for _, t := range latest(tickets, func(t *queue.Ticket) queue.TicketID { return t.ID }) {
		if err := st.putTicket(t, first[t.ID]); err != nil {
			return fmt.Errorf("write ticket %s (%s): %w", t.Number, t.ID, refused(err))
		}
	}
	// The ended ones first: otherwise a counter that went on to its next visitor would seem to have two.
	last := latest(visits, func(v *queue.Visit) queue.VisitID { return v.ID })
	for _, open := range []bool{false, true} {
		for _, v := range last {
			if v.Ended.IsZero() != open {
				continue
			}
			if err := st.putVisit(v); err != nil {
				return fmt.Errorf("write visit %s at counter %s: %w", v.ID, v.Counter, refused(err))
			}
		}
	}
	return nil
}

func (st statements) putTicket(t *queue.Ticket, first queue.DeptID) error {
	if first == "" {
		first = t.Dept
	}
	paper, papers := best(t.Papers)
	_, err := st.ticket.Exec(int64(t.Day), string(t.ID), string(first), string(t.Dept), t.Item, t.Num, t.Number, t.Twin, t.Class,
		t.Lang, t.Device, t.Issued.UnixMilli(), t.Ahead, string(t.State), t.Returned, string(t.At), string(t.OnlyAt),
		string(paper), papers, t.Odd, int64(t.Touched))
	return err
}

func (st statements) putVisit(v *queue.Visit) error {
	started := sql.NullInt64{Int64: v.Started.UnixMilli(), Valid: !v.Started.IsZero()}
	ended := sql.NullInt64{Int64: v.Ended.UnixMilli(), Valid: !v.Ended.IsZero()}
	_, err := st.visit.Exec(int64(v.Day), string(v.ID), string(v.Ticket), string(v.Dept), string(v.Counter), string(v.Officer),
		v.Called.UnixMilli(), started, ended, v.Outcome, v.Recalls, v.Score, int64(v.Touched))
	return err
}

// latest gives the last value for each id.
func latest[T any, ID comparable](all []T, id func(*T) ID) []*T {
	seen := make(map[ID]bool, len(all))
	var out []*T
	for i := len(all) - 1; i >= 0; i-- {
		if v := &all[i]; !seen[id(v)] {
			seen[id(v)] = true
			out = append(out, v)
		}
	}
	return out
}

// best sums up the possible papers of a ticket: the state that says most surely that there is one, and how many there are.
func best(papers map[queue.RequestID]queue.Paper) (queue.Paper, int) {
	for _, p := range []queue.Paper{
		queue.PaperConfirmed, queue.PaperAsked, queue.PaperSent, queue.PaperUnknown, queue.PaperStarted, queue.PaperOpen,
		queue.PaperNone, queue.PaperAbandoned,
	} {
		for _, have := range papers {
			if have == p {
				return p, len(papers)
			}
		}
	}
	return queue.PaperOpen, len(papers)
}
