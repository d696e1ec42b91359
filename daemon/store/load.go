package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"quhao/daemon/queue"
)

const (
	sqlLoadFrom = `SELECT seq FROM events WHERE kind = 'day_opened' AND day < 9223372036854775807 ORDER BY day DESC LIMIT 1 OFFSET 1`
	sqlHash     = `SELECT hash FROM events WHERE seq = ?`
)

// Load gives the events of the day before and of the present day to apply, in order: all that makes the state.
// It begins with the opening of the day before, or with the first event if fewer than two days were ever opened.
// The hash chain of what it reads is checked; ErrBroken says where it breaks. An error of apply ends it.
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
	from, err := loadFrom(ctx, tx)
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

// loadFrom finds the event to begin with: the one that opened the day before the last.
func loadFrom(ctx context.Context, q querier) (uint64, error) {
	var seq int64
	err := q.QueryRowContext(ctx, sqlLoadFrom).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the day before: %w", err)
	}
	return uint64(seq), nil
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
