package store

import (
	"fmt"
	"strings"
)

// ErrLocked says that another program works on the data folder.
type ErrLocked struct {
	Dir    string
	Holder string // what the other program wrote about itself; empty if that cannot be read
}

func (e ErrLocked) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("data folder %s is in use by another program", e.Dir)
	}
	return fmt.Sprintf("data folder %s is in use by %s", e.Dir, e.Holder)
}

// ErrNewer says that the database was written by a later version of this program. Nothing was changed.
type ErrNewer struct {
	File int // version of the schema in the file
	Ours int // the latest this program knows
}

func (e ErrNewer) Error() string {
	return fmt.Sprintf("the database has schema version %d, this program knows versions up to %d: use the later program", e.File, e.Ours)
}

// ErrLost says that a data folder has had a database, and that it is not there. Nothing was made in its place.
type ErrLost struct {
	Dir    string
	Traces []string // what tells of it
}

func (e ErrLost) Error() string {
	return fmt.Sprintf("the data folder %s has had a database and it is gone (there is %s): put a copy in place with quhaod restore; to begin anew, take another folder",
		e.Dir, strings.Join(e.Traces, ", "))
}

// ErrBroken says that the event log is not what was written. Seq is the first event at which that shows.
type ErrBroken struct {
	Seq uint64
	Why string
}

func (e ErrBroken) Error() string {
	return fmt.Sprintf("the event log is broken at event %d: %s", e.Seq, e.Why)
}

// ErrRefused says that a constraint of the database has refused an Append; nothing of it was kept.
// The same events will be refused again: the caller has to leave some out, not to try again.
type ErrRefused struct {
	What string // SQLite's words: the columns or the trigger
}

func (e ErrRefused) Error() string { return "the database refuses it: " + e.What }

// ErrNoSQLite says that the program was built with CGO_ENABLED=0, which leaves SQLite out.
type ErrNoSQLite struct{}

func (ErrNoSQLite) Error() string {
	return "this program was built without SQLite (CGO_ENABLED=0): build it with cgo and a C compiler"
}
