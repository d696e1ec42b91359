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

// Restore puts a backup in the place of the database of a data folder that no program uses, after checking it whole.
// What was there is kept in a folder of its own, whose path is returned; it is empty if nothing was there.
// What happened after the backup is not in the database then: the controller has to begin a recovery.
func Restore(ctx context.Context, dir, backup string, now time.Time) (kept string, err error) {
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
	if kept, err = setAside(dir, now); err != nil {
		return kept, fmt.Errorf("restore: %w", err)
	}
	if err := copyDatabase(ctx, backup, filepath.Join(dir, fileName)); err != nil {
		return kept, fmt.Errorf("restore %s: %w; what was there is in %s", backup, err, kept)
	}
	return kept, nil
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
