package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes a copy of the database as it is now to path, while work goes on, and checks the copy: SQLite's
// integrity check and the whole hash chain. The file appears under its name only when it is good and on the disk.
// A file that is there already is refused with fs.ErrExist. The copy may stand on any disk; it holds all that the
// database holds, so it has to be kept as safe.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("backup: %w", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist})
	}
	if err := copyDatabase(ctx, s.path(), path); err != nil {
		return fmt.Errorf("backup to %s: %w", path, err)
	}
	return nil
}

// copyDatabase copies a database that may be in use, checks the copy, and puts it at path, over what was there.
func copyDatabase(ctx context.Context, from, path string) (err error) {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(part) // what is left over is named so that nobody takes it for a copy
		}
	}()
	if err := vacuumInto(ctx, from, part); err != nil {
		return err
	}
	if err := os.Chmod(part, 0o600); err != nil { // it holds all that the database holds
		return err
	}
	if err := syncPath(part); err != nil { // VACUUM INTO does not
		return err
	}
	if err := checkCopy(ctx, part); err != nil {
		return fmt.Errorf("the copy is not good: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// vacuumInto uses a connection of its own: those of the pool are forbidden to write even into another file.
func vacuumInto(ctx context.Context, from, to string) error {
	db, err := dial(from, url.Values{"mode": {"ro"}, "_busy_timeout": {"5000"}})
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return errors.Join(err, db.Close())
}

// syncPath brings a file or a folder to the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkCopy checks a database that nobody uses.
func checkCopy(ctx context.Context, path string) error {
	db, err := dial(path, url.Values{"mode": {"ro"}, "immutable": {"1"}})
	if err != nil {
		return err
	}
	err = check(ctx, db, "integrity_check")
	if err == nil {
		err = verify(ctx, db, nil)
	}
	return errors.Join(err, db.Close())
}
