package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"time"

	"quhao/daemon/queue"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// Row is an event as it stands in the log.
type Row struct {
	Seq     uint64 // from 1, without gaps
	At      int64  // ms since 1970 UTC
	Day     int64
	Kind    string
	Version int // of the body
	Request string
	Actor   string
	Install string
	FactSeq uint64
	FactSum string
	FactGap uint64
	Body    string // JSON
	Prev    Hash   // of the event before; all zero for the first
	Hash    Hash
}

// hashMark stands before what is hashed, so that no other use of SHA-256 can give the same sum.
const hashMark = "quhao event 1\n"

// sum is the hash that belongs to the row: SHA-256 over hashMark, Prev, and the columns from Seq to Body in the order of
// the struct. A number is 8 bytes, big-endian (two's complement); a text is its length in bytes as such a number, then
// its bytes. So two different rows never give the same bytes.
func (r *Row) sum() Hash {
	b := make([]byte, 0, 256+len(r.Body))
	text := func(s string) { b = append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...) }
	number := func(n uint64) { b = binary.BigEndian.AppendUint64(b, n) }
	b = append(b, hashMark...)
	b = append(b, r.Prev[:]...)
	number(r.Seq)
	number(uint64(r.At))
	number(uint64(r.Day))
	text(r.Kind)
	number(uint64(r.Version))
	text(r.Request)
	text(r.Actor)
	text(r.Install)
	number(r.FactSeq)
	text(r.FactSum)
	number(r.FactGap)
	text(r.Body)
	return sha256.Sum256(b)
}

// row makes the row of an event that follows the one with hash prev.
func (c codec) row(e queue.Event, prev Hash) (Row, error) {
	version, body, err := c.encode(e.Body)
	if err != nil {
		return Row{}, err
	}
	at := e.At.UnixMilli()
	if !time.UnixMilli(at).Equal(e.At) {
		return Row{}, fmt.Errorf("the time %s is finer than a millisecond: a replay would not give it back", e.At)
	}
	r := Row{
		Seq: e.Seq, At: at, Day: int64(e.Day), Kind: e.Body.Kind(), Version: version, Request: string(e.Request),
		Actor: e.Actor, Install: string(e.Install), FactSeq: e.FactSeq, FactSum: e.FactSum, FactGap: e.FactGap,
		Body: string(body), Prev: prev,
	}
	r.Hash = r.sum()
	return r, nil
}

// event is the event that a row stands for.
func (c codec) event(r *Row) (queue.Event, error) {
	body, err := c.decode(r.Kind, r.Version, []byte(r.Body))
	if err != nil {
		return queue.Event{}, fmt.Errorf("event %d: %w", r.Seq, err)
	}
	return queue.Event{
		Seq: r.Seq, At: time.UnixMilli(r.At).UTC(), Day: queue.Day(r.Day), Request: queue.RequestID(r.Request), Actor: r.Actor,
		Install: queue.InstallID(r.Install), FactSeq: r.FactSeq, FactSum: r.FactSum, FactGap: r.FactGap, Body: body,
	}, nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const (
	rowColumns = `seq, at, day, kind, version, request, actor, install, fact_seq, fact_sum, fact_gap, body, prev, hash`
	sqlRows    = `SELECT ` + rowColumns + ` FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq`
)

// scan calls do for each row from one number to another, in order. The row is do's own.
func scan(ctx context.Context, q querier, from, to uint64, do func(*Row) error) error {
	rows, err := q.QueryContext(ctx, sqlRows, int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("read events from %d: %w", from, err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows.Scan)
		if err != nil {
			return fmt.Errorf("read events from %d: %w", from, err)
		}
		if err := do(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read events from %d: %w", from, err)
	}
	return nil
}

// scanRow reads one row. Numbers of facts are kept as the same 64 bits with a sign, because SQLite has no other:
// whatever a device claims, it can be written.
func scanRow(scan func(...any) error) (*Row, error) {
	var r Row
	var seq, factSeq, factGap int64
	var prev, hash []byte
	err := scan(&seq, &r.At, &r.Day, &r.Kind, &r.Version, &r.Request, &r.Actor, &r.Install, &factSeq, &r.FactSum, &factGap,
		&r.Body, &prev, &hash)
	if err != nil {
		return nil, err
	}
	r.Seq, r.FactSeq, r.FactGap = uint64(seq), uint64(factSeq), uint64(factGap)
	if len(prev) != len(r.Prev) || len(hash) != len(r.Hash) {
		return nil, ErrBroken{Seq: r.Seq, Why: "its hash has another length than a SHA-256"}
	}
	r.Prev, r.Hash = Hash(prev), Hash(hash)
	return &r, nil
}

// chain walks along the log and says where it breaks.
type chain struct {
	seq  uint64
	hash Hash
}

// next checks that a row is the one that follows, unchanged.
func (c *chain) next(r *Row) error {
	switch {
	case r.Seq != c.seq+1:
		return ErrBroken{Seq: c.seq + 1, Why: "it is missing"}
	case r.Prev != c.hash:
		return ErrBroken{Seq: r.Seq, Why: "it does not follow the event before it"}
	case r.Hash != r.sum():
		return ErrBroken{Seq: r.Seq, Why: "it is not as it was written"}
	}
	c.seq, c.hash = r.Seq, r.Hash
	return nil
}

// end checks that the walk ended at the head.
func (c *chain) end(h head) error {
	switch {
	case c.seq < h.seq:
		return ErrBroken{Seq: c.seq + 1, Why: fmt.Sprintf("it is missing, and the head is at event %d", h.seq)}
	case h.last > h.seq:
		return ErrBroken{Seq: h.seq + 1, Why: "it stands behind the head"}
	case c.hash != h.hash:
		return ErrBroken{Seq: h.seq, Why: "it is not the event that the head names"}
	}
	return nil
}

// head is where the log ends.
type head struct {
	seq  uint64
	hash Hash
	last uint64 // the highest number in the log itself: the same as seq
}

const sqlHead = `SELECT seq, hash, (SELECT coalesce(max(seq), 0) FROM events) FROM head WHERE id = 1`

func scanHead(row *sql.Row) (head, error) {
	var h head
	var seq, last int64
	var hash []byte
	if err := row.Scan(&seq, &hash, &last); err != nil {
		return head{}, fmt.Errorf("read the head of the log: %w", err)
	}
	h.seq, h.last = uint64(seq), uint64(last)
	copy(h.hash[:], hash)
	return h, nil
}
