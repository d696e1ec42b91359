package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// staged is the folder in the data folder in which a restore makes the new database.
const staged = "restoring"

// Restore puts a backup in the place of the database of a data folder that no program uses, after checking it whole and
// after ready has done to the copy, in a folder of its own, what has to stand in it from its first moment on. Until then
// what was there is not touched; afterwards it is kept in a folder whose path is returned, empty if nothing was there.
// What happened after the backup is not in the database then: ready has to begin a recovery. A restore that was
// broken off between the two leaves no database, and Open answers with ErrLost until it was made again.
func Restore(ctx context.Context, dir, backup string, now time.Time, ready func(dir string) error) (kept string, err error) {
	if err := checkCopy(ctx, backup); err != nil {
		return "", fmt.Errorf("the backup %s is not good: %w", backup, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	held, err := lock(dir, "quhaod restore")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock(held)) }()
	if sameFile(backup, filepath.Join(dir, fileName)) {
		return "", fmt.Errorf("restore: %s is the database itself: name a copy of it", backup)
	}
	stage := filepath.Join(dir, staged)
	if err := prepareStage(ctx, stage, backup, ready); err != nil {
		return "", errors.Join(fmt.Errorf("restore %s: %w; nothing was changed", backup, err), os.RemoveAll(stage))
	}
	kept, err = setAside(dir, now)
	if err == nil {
		err = os.Rename(filepath.Join(stage, fileName), filepath.Join(dir, fileName))
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("restore: %w", err), putBack(kept, dir))
	}
	return kept, errors.Join(syncPath(dir), os.RemoveAll(stage))
}

// prepareStage makes the new database in a folder of its own, whole and in one file.
func prepareStage(ctx context.Context, stage, backup string, ready func(dir string) error) error {
	if err := os.RemoveAll(stage); err != nil { // of a restore that was broken off
		return err
	}
	if err := os.Mkdir(stage, 0o700); err != nil {
		return err
	}
	if err := copyDatabase(ctx, backup, filepath.Join(stage, fileName)); err != nil {
		return err
	}
	if err := ready(stage); err != nil {
		return err
	}
	if rest, err := os.Stat(filepath.Join(stage, fileName+"-wal")); err == nil && rest.Size() > 0 {
		return fmt.Errorf("%d bytes of its log were not written back", rest.Size())
	}
	return syncPath(filepath.Join(stage, fileName))
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// lost answers with ErrLost if a folder without a database has had one: a new one would give the old numbers again.
func lost(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, fileName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, trace := range []string{staged, fileName + "-wal", "before-restore-*", "quhao.before-*.db", filepath.Join("backups", "*.db")} {
		found, err := filepath.Glob(filepath.Join(dir, trace))
		if err != nil || len(found) > 0 {
			return errors.Join(err, ErrLost{Dir: dir, Traces: found})
		}
	}
	return nil
}

// setAside moves the files of the database into a folder named by the time. The log of SQLite goes with its database:
// beside another one it would be taken for that one's.
func setAside(dir string, now time.Time) (kept string, err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		from := filepath.Join(dir, fileName+suffix)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if kept == "" {
			kept = filepath.Join(dir, "before-restore-"+now.UTC().Format("20060102-150405.000"))
			if err := os.Mkdir(kept, 0o700); err != nil {
				return "", err
			}
		}
		if err := os.Rename(from, filepath.Join(kept, fileName+suffix)); err != nil {
			return kept, err
		}
	}
	if kept == "" {
		return "", nil
	}
	return kept, errors.Join(syncPath(kept), syncPath(dir))
}

// putBack undoes setAside, whole or begun.
func putBack(kept, dir string) error {
	if kept == "" {
		return nil
	}
	var errs []error
	for _, suffix := range []string{"-wal", "-shm", ""} { // never the database without its log
		err := os.Rename(filepath.Join(kept, fileName+suffix), filepath.Join(dir, fileName+suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("what was there is in %s: %w", kept, err))
		}
	}
	return errors.Join(append(errs, syncPath(dir))...)
}
