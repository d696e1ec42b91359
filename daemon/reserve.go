package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	reserveFile = "reserve"
	// reserveSize is in bytes: the log of SQLite grows to 16 MiB before it is written back, and an event takes about 1 KiB,
	// so the other half lasts for more calls and ratings than a day has.
	reserveSize = 32 << 20
	// reserveSpare has to be free beyond it before it is taken back, so that it does not come and go with each copy.
	reserveSpare = 32 << 20
	reserveLook  = 2 * time.Second
)

// reserve is space in the data folder that is given up when the disk is full. From then on no numbers are given, which
// is what fills a disk; calling, completing and rating go on, so that those who wait are served. It is taken back when
// there is room again.
type reserve struct {
	path   string
	free   func(folder string) (bytes uint64, err error)
	alarms *alarms
	log    *slog.Logger

	tight   atomic.Bool   // the reserve is not there
	changed chan struct{} // gets a value when tight has changed
}

// openReserve takes the reserve of a data folder, or finds it there. Without room for it the daemon starts tight.
func openReserve(data string, al *alarms, log *slog.Logger) (*reserve, error) {
	r := &reserve{path: filepath.Join(data, reserveFile), free: freeSpace, alarms: al, log: log, changed: make(chan struct{}, 1)}
	info, err := os.Stat(r.path)
	if err == nil && info.Size() == reserveSize {
		return r, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("space kept in reserve: %w", err)
	}
	if err := r.take(); err != nil {
		r.turn(true, err)
	}
	return r, nil
}

// Tight says that the disk is full but for what the reserve was.
func (r *reserve) Tight() bool { return r.tight.Load() }

// release gives the space up. It is false if there was none to give.
func (r *reserve) release() bool {
	err := os.Remove(r.path)
	if err == nil {
		r.turn(true, errors.New("its reserve is in use"))
	}
	return err == nil
}

// take allocates the space if there is room.
func (r *reserve) take() (err error) {
	free, err := r.free(filepath.Dir(r.path))
	if err != nil {
		return err
	}
	if free < reserveSize+reserveSpare {
		return fmt.Errorf("%d MiB are free", free>>20)
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(r.path))
		}
	}()
	return errors.Join(allocate(f, reserveSize), f.Sync(), f.Close())
}

// allocate gives a file its blocks, by writing them where the file system cannot do it otherwise.
func allocate(f *os.File, size int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if !errors.Is(err, syscall.EOPNOTSUPP) {
		return err
	}
	block := make([]byte, 1<<20)
	for range size / int64(len(block)) {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// turn notes that space has become tight, or is so no longer, and lets everyone know.
func (r *reserve) turn(tight bool, why error) {
	if r.tight.Swap(tight) == tight {
		return
	}
	if tight {
		r.alarms.raise(alarm{thing: alarmSpace, words: fmt.Sprintf(
			"the disk of %s is full (%v): no numbers are given, calling goes on; %d MiB have to be freed", filepath.Dir(r.path), why,
			(reserveSize+reserveSpare)>>20)})
	} else {
		r.alarms.end(alarmSpace, "")
	}
	select {
	case r.changed <- struct{}{}:
	default: // it is told already
	}
}

// run takes the reserve back when there is room again, and lets the controller say its states anew after each change.
func (r *reserve) run(ctx context.Context, republish func(context.Context) error) error {
	tick := time.NewTicker(reserveLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.changed:
			if err := republish(ctx); err != nil {
				return err
			}
		case <-tick.C:
			if r.Tight() && r.take() == nil { // why it cannot be taken is what the alarm says
				r.turn(false, nil)
			}
		}
	}
}
