package store

import (
	"context"
	"fmt"
	"maps"

	"quhao/daemon/queue"
)

// Rebuild makes the tables of tickets and visits anew from all events, in one transaction: if it fails or is broken off,
// they are as they were. The hash chain is checked on the way. Append waits until it is done.
func (s *Store) Rebuild(ctx context.Context) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	defer tx.Rollback() // after a commit it does nothing
	h, err := scanHead(tx.QueryRowContext(ctx, sqlHead))
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	for _, table := range []string{"tickets", "visits"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return fmt.Errorf("rebuild: empty %s: %w", table, err)
		}
	}
	st := s.stmt.in(tx)
	r := replay{codec: s.codec, state: queue.New()}
	for r.chain.seq < h.seq {
		before := r.chain.seq
		if err := scan(ctx, tx, before+1, min(h.seq, before+stretch), r.step); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		if r.chain.seq == before {
			break // the end of the chain says what is missing
		}
		if err := st.derive(firstDepts(r.events), r.tickets, r.visits); err != nil {
			return fmt.Errorf("rebuild up to event %d: %w", r.chain.seq, err)
		}
		r.events, r.tickets, r.visits = r.events[:0], r.tickets[:0], r.visits[:0]
	}
	if err := r.chain.end(h); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("rebuild: commit: %w", err)
	}
	return nil
}

// replay applies the log to a state and collects what each event changed.
type replay struct {
	codec   codec
	chain   chain
	state   *queue.State
	events  []queue.Event
	tickets []queue.Ticket
	visits  []queue.Visit
}

func (p *replay) step(r *Row) error {
	if err := p.chain.next(r); err != nil {
		return err
	}
	e, err := p.codec.event(r)
	if err != nil {
		return err
	}
	c, err := p.state.Apply(e)
	if err != nil {
		return err
	}
	if _, issued := e.Body.(queue.Issued); issued {
		p.events = append(p.events, e)
	}
	for _, t := range c.Tickets {
		was := *t
		was.Papers = maps.Clone(t.Papers)
		p.tickets = append(p.tickets, was)
	}
	for _, v := range c.Visits {
		p.visits = append(p.visits, *v)
	}
	return nil
}
