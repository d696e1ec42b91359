//go:build cgo

package store

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// haveSQLite says whether SQLite itself is in the program. Without cgo the driver is a stub that fails at its first use.
const haveSQLite = true

// refused turns the refusal of a constraint into an ErrRefused and leaves every other error as it is.
func refused(err error) error {
	if e, ok := errors.AsType[sqlite3.Error](err); ok && e.Code == sqlite3.ErrConstraint {
		return ErrRefused{What: e.Error()}
	}
	return err
}

// Full says whether an error of the store means that its disk is full.
func Full(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && (e.Code == sqlite3.ErrFull || e.SystemErrno == syscall.ENOSPC) || errors.Is(err, syscall.ENOSPC)
}
