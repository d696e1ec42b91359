package store

import (
	"context"
	"database/sql"
	"fmt"
)

// stretch is how many events are read at once where all are: a long read would keep SQLite from writing its log back.
const stretch = 4096

// Verify walks the whole log: every event is there, unchanged, in its place, and the last one is the one the head names.
// ErrBroken says at which event it is not so. Events that come while it walks are not looked at.
// progress, which may be nil, is told from time to time how many events are done.
func (s *Store) Verify(ctx context.Context, progress func(done, total uint64)) error {
	return verify(ctx, s.read, progress)
}

func verify(ctx context.Context, db *sql.DB, progress func(done, total uint64)) error {
	h, err := scanHead(db.QueryRowContext(ctx, sqlHead))
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	var c chain
	for c.seq < h.seq {
		before := c.seq
		to := min(h.seq, before+stretch)
		err := scan(ctx, db, before+1, to, c.next)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if c.seq != to {
			return fmt.Errorf("verify: %w", ErrBroken{Seq: c.seq + 1, Why: fmt.Sprintf("it is missing, and the head is at event %d", h.seq)})
		}
		if progress != nil {
			progress(c.seq, h.seq)
		}
	}
	if err := c.end(h); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

// Head gives number and hash of the last event. Written down elsewhere, they prove later that the log was not replaced.
func (s *Store) Head(ctx context.Context) (uint64, Hash, error) {
	h, err := scanHead(s.read.QueryRowContext(ctx, sqlHead))
	return h.seq, h.hash, err
}

// checkEnd says whether the log ends at its head. It reads two rows: enough to find a log that was cut short.
func checkEnd(db *sql.DB) error {
	ctx := context.Background()
	h, err := scanHead(db.QueryRowContext(ctx, sqlHead))
	if err != nil {
		return err
	}
	c := chain{seq: h.last}
	if h.last > 0 {
		if c.hash, err = hashOf(ctx, db, h.last); err != nil {
			return err
		}
	}
	return c.end(h)
}
