//go:build !cgo

package store

// haveSQLite says whether SQLite itself is in the program. Without cgo the driver is a stub that fails at its first use.
const haveSQLite = false

func refused(err error) error { return err }

// Full says whether an error of the store means that its disk is full.
func Full(error) bool { return false }
