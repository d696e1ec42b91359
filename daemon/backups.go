package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quhao/daemon/store"
)

const (
	backupEvery = time.Hour
	backupsKept = 48
	backupName  = "quhao-" // and the time in UTC, so that names stand in order
)

// backups copies the database into a folder, once an hour, and keeps the last ones. A copy that fails is said loudly and
// tried again at the next hour: work goes on.
type backups struct {
	dir string
	st  *store.Store
	log *slog.Logger
}

// run makes a copy at once if the last one is an hour old, and then each hour, until ctx ends.
func (b *backups) run(ctx context.Context) error {
	tick := time.NewTicker(backupEvery / 4)
	defer tick.Stop()
	for {
		if err := b.due(ctx, time.Now()); err != nil && ctx.Err() == nil {
			b.log.Error("no backup could be made; look at the disk and at who may write there", "folder", b.dir, "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// due makes a copy unless there is one of the last hour, and deletes the oldest above the number kept.
func (b *backups) due(ctx context.Context, now time.Time) error {
	all, err := b.list()
	if err != nil {
		return err
	}
	if n := len(all); n > 0 {
		last, err := time.Parse(stampForm, strings.TrimSuffix(strings.TrimPrefix(all[n-1], backupName), ".db"))
		if err == nil && last.Before(now) && now.Sub(last) < backupEvery {
			return nil
		}
	}
	name := backupName + now.UTC().Format(stampForm) + ".db"
	if err := b.st.Backup(ctx, filepath.Join(b.dir, name)); err != nil {
		return err
	}
	all = append(all, name)
	slices.Sort(all)
	var errs []error
	for len(all) > backupsKept {
		errs = append(errs, os.Remove(filepath.Join(b.dir, all[0])))
		all = all[1:]
	}
	return errors.Join(errs...)
}

const stampForm = "20060102-150405"

// list returns the names of the copies, the oldest first, and makes the folder.
func (b *backups) list() ([]string, error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, fmt.Errorf("backups: %w", err)
	}
	entries, err := fs.ReadDir(os.DirFS(b.dir), ".")
	if err != nil {
		return nil, fmt.Errorf("backups: %w", err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), backupName) && strings.HasSuffix(e.Name(), ".db") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
