package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// check runs one of SQLite's own checks of the file: quick_check or integrity_check.
func check(ctx context.Context, db *sql.DB, which string) error {
	var word string
	if err := db.QueryRowContext(ctx, "PRAGMA "+which+"(1)").Scan(&word); err != nil {
		return err
	}
	if word != "ok" {
		return fmt.Errorf("the file is damaged: %s", word)
	}
	return nil
}

// quickCheck is SQLite's quick check on the way, on the pool that reads: work need not wait for it.
type quickCheck struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid when done is closed
}

// startCheck begins the check; with none it has ended well already.
func startCheck(db *sql.DB, none bool) *quickCheck {
	ctx, cancel := context.WithCancel(context.Background())
	q := &quickCheck{cancel: cancel, done: make(chan struct{})}
	if none {
		close(q.done)
		return q
	}
	go func() {
		defer close(q.done)
		q.err = check(ctx, db, "quick_check")
	}()
	return q
}

// wait waits for the end of the check, at most so long if atMost is not 0, and returns what was found by then.
func (q *quickCheck) wait(atMost time.Duration) error {
	if atMost <= 0 {
		<-q.done
		return q.err
	}
	late := time.NewTimer(atMost)
	defer late.Stop()
	select {
	case <-q.done:
		return q.err
	case <-late.C:
		return nil
	}
}

// end breaks the check off and waits until it has ended.
func (q *quickCheck) end() {
	q.cancel()
	<-q.done
}

// Checked is closed when the quick check of the start has ended.
func (s *Store) Checked() <-chan struct{} { return s.quick.done }

// Damage says what the quick check of the start has found, or that it could not be made; nil while it goes on, if all is
// well, and if Close has broken it off.
func (s *Store) Damage() error {
	select {
	case <-s.quick.done:
		if errors.Is(s.quick.err, context.Canceled) {
			return nil
		}
		return s.quick.err
	default:
		return nil
	}
}
