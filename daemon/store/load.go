package store

import (
	"context"
	"database/sql"
	"fmt"

	"quhao/daemon/queue"
)

const (
	sqlOpenings = `SELECT seq FROM events WHERE kind = 'day_opened' AND day < ? ORDER BY day DESC LIMIT ?`
	sqlMentions = `SELECT ` + rowColumns + ` FROM events WHERE seq BETWEEN ? AND ? AND kind IN ('issued','called','papered','rated')
 ORDER BY seq`
	sqlHash = `SELECT hash FROM events WHERE seq = ?`
)

// forEver is later than every day.
const forEver = 1<<63 - 1

// Load gives the events of the day before and of the present day to apply, in order: all that makes the state.
// It begins with the opening of the day before, or with the first event if fewer than two days were ever opened, and
// some days earlier if an event of the day before speaks of a ticket or a visit of an earlier day (news of yesterday's
// paper comes in the morning): apply must find what an event speaks of. The hash chain of what it reads is checked;
// ErrBroken says where it breaks. An error of apply ends it.
func (s *Store) Load(apply func(queue.Event) error) error {
	ctx := context.Background()
	// One transaction, so that the end of what is read is the head that is read.
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer tx.Rollback() // it has only read
	h, err := scanHead(tx.QueryRowContext(ctx, sqlHead))
	if err != nil {
		return err
	}
	from, err := s.loadFrom(ctx, tx)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	c := chain{seq: from - 1}
	if from > 1 {
		if c.hash, err = hashOf(ctx, tx, from-1); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	err = scan(ctx, tx, from, max(h.seq, h.last), func(r *Row) error {
		if err := c.next(r); err != nil {
			return err
		}
		e, err := s.codec.event(r)
		if err != nil {
			return err
		}
		return apply(e)
	})
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return c.end(h)
}

// loadFrom finds the event to begin with.
func (s *Store) loadFrom(ctx context.Context, q querier) (uint64, error) {
	openings, err := openingsBefore(ctx, q, forEver, 2)
	if err != nil {
		return 0, err
	}
	for len(openings) == 2 {
		from, to := openings[1], openings[0]
		whole, err := s.whole(ctx, q, from, to-1)
		if err != nil {
			return 0, err
		}
		if whole {
			return from, nil
		}
		earlier, err := openingsBefore(ctx, q, from, 1)
		if err != nil {
			return 0, err
		}
		openings = append([]uint64{from}, earlier...)
	}
	return 1, nil
}

// openingsBefore gives the events that opened the last n days before the one that event `before` opened.
func openingsBefore(ctx context.Context, q querier, before uint64, n int) ([]uint64, error) {
	day := int64(forEver)
	if before != forEver {
		if err := q.QueryRowContext(ctx, `SELECT day FROM events WHERE seq = ?`, int64(before)).Scan(&day); err != nil {
			return nil, fmt.Errorf("read event %d: %w", before, err)
		}
	}
	rows, err := q.QueryContext(ctx, sqlOpenings, day, n)
	if err != nil {
		return nil, fmt.Errorf("find the last days: %w", err)
	}
	defer rows.Close()
	var out []uint64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, fmt.Errorf("find the last days: %w", err)
		}
		out = append(out, uint64(seq))
	}
	return out, rows.Err()
}

// whole says whether the events of a day speak of no ticket and no visit but their own.
func (s *Store) whole(ctx context.Context, q querier, from, to uint64) (bool, error) {
	rows, err := q.QueryContext(ctx, sqlMentions, int64(from), int64(to))
	if err != nil {
		return false, fmt.Errorf("read the day from event %d: %w", from, err)
	}
	defer rows.Close()
	tickets, visits := map[queue.TicketID]bool{}, map[queue.VisitID]bool{}
	for rows.Next() {
		r, err := scanRow(rows.Scan)
		if err != nil {
			return false, fmt.Errorf("read the day from event %d: %w", from, err)
		}
		e, err := s.codec.event(r)
		if err != nil {
			return false, err
		}
		// Everything else speaks of what is open, and nothing stays open over the opening of a day.
		switch b := e.Body.(type) {
		case queue.Issued:
			tickets[b.Ticket] = true
		case queue.Called:
			visits[b.Visit] = true
		case queue.Papered:
			if !tickets[b.Ticket] {
				return false, nil
			}
		case queue.Rated:
			if !visits[b.Visit] {
				return false, nil
			}
		}
	}
	return true, rows.Err()
}

func hashOf(ctx context.Context, q querier, seq uint64) (Hash, error) {
	var hash []byte
	if err := q.QueryRowContext(ctx, sqlHash, int64(seq)).Scan(&hash); err != nil {
		return Hash{}, fmt.Errorf("read event %d: %w", seq, err)
	}
	var h Hash
	copy(h[:], hash)
	return h, nil
}
