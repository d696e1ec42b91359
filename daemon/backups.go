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
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
)

const (
	backupEvery = time.Hour
	backupOld   = 2 * time.Hour    // no copy of this time, although there is something new: an alarm
	backupAgain = 15 * time.Minute // after one that failed
	backupLook  = 10 * time.Second // how soon the close of a day is noticed
	keepHourly  = 48
	keepDaily   = 30
	backupSpare = 64 << 20 // bytes that a copy leaves free on its disk: work comes before copies
)

// backups copies the database into folders: at the start unless there is a copy of the last hour, once an hour if anything
// has happened, and when a service day has been closed. Each copy is checked before it counts (store.Backup does that).
//
// The newest copies are kept by count, and of the older ones the last of each date, by count as well. What is newest is
// said by the number in the name, which only grows: a clock that was set back, or a restore, puts nothing out of order.
type backups struct {
	places        []*place
	hourly, daily int // copies kept in each place
	st            *store.Store
	database      string // its file, for the size of a copy
	free          func(folder string) (bytes uint64, err error)
	alarms        *alarms
	log           *slog.Logger

	was    glimpse
	closes int // days seen to be closed
}

// place is a folder with copies.
type place struct {
	dir string
	own bool // in the data folder: made if it is not there. Another one may be a disk that is not mounted, and is not made.

	name   string                    // of the newest copy; empty if none is known
	at     time.Time                 // when it was made, or was last seen to hold all there is
	seq    uint64                    // the last event when it was made; 0: not known, it was made by an earlier start
	closes int                       // of backups, when it was made
	good   atomic.Pointer[time.Time] // at, and the start before there is one; read by the one who looks for copies that hang
	tried  time.Time
	swept  bool  // of what an earlier start has left
	err    error // of the last try
}

// glimpse is what the copies have to know of the centre.
type glimpse struct {
	day  queue.Day
	open bool
	seq  uint64
}

// newBackups prepares the copies of a database into these folders; none means one in the data folder.
func newBackups(o runOptions, st *store.Store, al *alarms, log *slog.Logger, began time.Time) *backups {
	b := &backups{
		hourly: o.hourly, daily: o.daily, st: st, database: filepath.Join(o.data, databaseFile), free: freeSpace, alarms: al, log: log,
	}
	for _, dir := range o.backups {
		b.places = append(b.places, &place{dir: dir})
	}
	if len(b.places) == 0 {
		b.places = []*place{{dir: ownBackups(o.data), own: true}}
	}
	for _, p := range b.places {
		p.good.Store(&began)
	}
	return b
}

// ownBackups is where the copies are if no other place was named.
func ownBackups(data string) string { return filepath.Join(data, "backups") }

// run makes the copies that are due until ctx ends.
func (b *backups) run(ctx context.Context, ctl looker) error {
	tick := time.NewTicker(backupLook)
	defer tick.Stop()
	for {
		var g glimpse
		err := ctl.Look(ctx, func(v controller.View) {
			s := v.State()
			g = glimpse{day: s.Day, open: s.Open, seq: s.Seq}
		})
		if err != nil {
			return err
		}
		b.round(ctx, time.Now(), g)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// round makes the copies that are due, and raises an alarm for a place where there is no good one.
func (b *backups) round(ctx context.Context, now time.Time, g glimpse) {
	if b.was.open && (!g.open || g.day != b.was.day) {
		b.closes++
	}
	b.was = g
	for _, p := range b.places {
		if p.err = b.visit(ctx, p, now, g); ctx.Err() != nil {
			return // a copy that was broken off is no alarm
		}
		if p.err != nil {
			b.alarms.raise(alarm{alarmBackup, p.dir, fmt.Sprintf("no copy can be made in %s: %v", p.dir, p.err)})
			continue
		}
		at := p.at
		p.good.Store(&at)
		b.alarms.end(alarmBackup, p.dir)
	}
	b.old(now)
}

// watch looks for copies that have become old, beside run: a disk at the far end of a network may never answer.
func (b *backups) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			b.old(time.Now())
		}
	}
}

// old raises an alarm for each place whose newest copy is old.
func (b *backups) old(now time.Time) {
	for _, p := range b.places {
		key := "age of " + p.dir
		if age := now.Sub(*p.good.Load()); age > backupOld {
			b.alarms.raise(alarm{alarmBackup, key, fmt.Sprintf("the newest copy in %s is older than %s: look at that disk", p.dir, backupOld)})
		} else {
			b.alarms.end(alarmBackup, key)
		}
	}
}

// visit makes a copy in a place if one is due. The error is that of the last try, while it still counts.
func (b *backups) visit(ctx context.Context, p *place, now time.Time, g glimpse) error {
	if since := now.Sub(p.tried); p.err != nil && since >= 0 && since < backupAgain {
		return p.err
	}
	p.tried = now
	all, err := p.list()
	if err == nil && !p.swept {
		err = p.sweep()
		p.swept = err == nil
	}
	if err != nil {
		return err
	}
	if p.name == "" && len(all) > 0 {
		p.name, p.at, p.closes = all[len(all)-1].name, all[len(all)-1].at, b.closes
	}
	there := slices.ContainsFunc(all, func(c copied) bool { return c.name == p.name })
	age := now.Sub(p.at)
	switch {
	case !there, p.closes < b.closes, age < 0: // a copy of the future: the clock was set back since
	case age < backupEvery:
		return nil
	case p.seq == g.seq: // nothing has happened since
		p.at = now
		return nil
	}
	return b.copy(ctx, p, now, g, all)
}

// copy makes a copy in a place and removes the old ones that are not kept.
func (b *backups) copy(ctx context.Context, p *place, now time.Time, g glimpse, all []copied) error {
	if err := b.room(p.dir); err != nil {
		return err
	}
	c := copied{number: 1, at: now}
	if n := len(all); n > 0 {
		c.number = all[n-1].number + 1
	}
	c.name = fmt.Sprintf("%s%06d-%s.db", backupName, c.number, now.UTC().Format(stampForm))
	if err := b.st.Backup(ctx, filepath.Join(p.dir, c.name)); err != nil {
		return err
	}
	p.name, p.at, p.seq, p.closes = c.name, now, g.seq, b.closes
	var errs []error
	for _, old := range thin(append(all, c), b.hourly, b.daily) {
		errs = append(errs, os.Remove(filepath.Join(p.dir, old)))
	}
	return errors.Join(errs...)
}

// room says whether a copy leaves enough space on its disk.
func (b *backups) room(dir string) error {
	size := uint64(0)
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(b.database + suffix)
		switch {
		case err == nil:
			size += uint64(info.Size())
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	free, err := b.free(dir)
	if err != nil {
		return err
	}
	if free < size+backupSpare {
		return fmt.Errorf("%d MiB are free, a copy wants %d: remove what is not needed there, or name another folder with -backups",
			free>>20, (size+backupSpare)>>20)
	}
	return nil
}

// thin says which copies are not kept: all but the newest, and of those before them the last of each date. all stand in order.
func thin(all []copied, hourly, daily int) (gone []string) {
	older := all[:max(0, len(all)-hourly)]
	dates := 0
	for i, c := range slices.Backward(older) {
		if i+1 < len(older) && sameDate(c.at, older[i+1].at) || dates == daily {
			gone = append(gone, c.name)
			continue
		}
		dates++
	}
	return gone
}

func sameDate(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

// copied is a copy as its name tells of it.
type copied struct {
	name   string
	number int       // 0 in names of version 0.4 and before
	at     time.Time // UTC, by the clock of that moment
}

const (
	backupName = "quhao-" // then the number, and the time in UTC
	stampForm  = "20060102-150405"
)

// readCopied reads the name of a copy.
func readCopied(name string) (c copied, ok bool) {
	rest, is := strings.CutPrefix(name, backupName)
	stamp, db := strings.CutSuffix(rest, ".db")
	if !is || !db {
		return c, false
	}
	c.name = name
	if number, after, numbered := strings.Cut(stamp, "-"); numbered && strings.Contains(after, "-") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return c, false
		}
		c.number, stamp = n, after
	}
	at, err := time.Parse(stampForm, stamp)
	c.at = at
	return c, err == nil
}

// list returns the copies, the oldest first.
func (p *place) list() (out []copied, err error) {
	if p.own {
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: make the folder, or mount its disk", err)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if c, ok := readCopied(e.Name()); ok {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b copied) int { return a.number - b.number })
	return out, nil
}

// sweep removes what an earlier start has left half-made. Only the one that makes the copies may do so.
func (p *place) sweep() error {
	left, err := filepath.Glob(filepath.Join(p.dir, backupName+"*.db.part*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range left {
		base, _, _ := strings.Cut(filepath.Base(name), ".part")
		if _, ours := readCopied(base); ours {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
