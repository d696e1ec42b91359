package main

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/daemon/store"
)

// shelf is a centre with its copies, and a clock that the test moves.
type shelf struct {
	t   *testing.T
	b   *backups
	now time.Time
	g   glimpse
}

// onShelf runs a test of the copies in these folders; none means the one in the data folder.
func onShelf(t *testing.T, dirs []string, test func(*shelf)) {
	t.Helper()
	data := t.TempDir()
	centreIn(t, data, func(st *store.Store, _ func(queue.Wish) error) {
		log := slog.New(slog.DiscardHandler)
		o := runOptions{data: data, backups: dirs, hourly: 4, daily: 3}
		now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		s := &shelf{t: t, b: newBackups(o, st, &alarms{log: log}, log, now), now: now}
		s.g.seq = 1
		test(s)
	})
}

// round lets d go by, in which something happens, and returns the numbers of the copies in the first place.
func (s *shelf) round(d time.Duration) (numbers []int) {
	s.t.Helper()
	s.now = s.now.Add(d)
	s.g.seq++
	s.b.round(s.t.Context(), s.now, s.g)
	return s.numbers(0)
}

func (s *shelf) numbers(place int) (numbers []int) {
	all, err := s.b.places[place].list()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range all {
		numbers = append(numbers, c.number)
	}
	return numbers
}

func (s *shelf) want(got []int, want ...int) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("at %s the copies are %v, want %v", s.now.Format(time.DateTime), got, want)
	}
}

// alarm checks that the only alarm says this, or that there is none.
func (s *shelf) alarm(want string) {
	s.t.Helper()
	all := s.b.alarms.standing()
	switch {
	case want == "" && len(all) > 0:
		s.t.Errorf("alarms %v, want none", all)
	case want != "" && (len(all) != 1 || all[0].thing != alarmBackup || !strings.Contains(all[0].words, want)):
		s.t.Errorf("alarms %v, want one that says %q", all, want)
	}
}

func TestBackupsAreMadeHourlyAndAtTheClose(t *testing.T) {
	onShelf(t, nil, func(s *shelf) {
		s.g.day, s.g.open = 1, true
		s.want(s.round(0), 1)
		s.want(s.round(30*time.Minute), 1)
		s.want(s.round(30*time.Minute), 1, 2)
		s.g.open = false
		s.want(s.round(time.Minute), 1, 2, 3)
		s.want(s.round(time.Minute), 1, 2, 3)
		s.g.seq-- // as it was: nothing happens over night
		for range 14 {
			s.g.seq--
			s.want(s.round(time.Hour), 1, 2, 3)
		}
		s.alarm("")
		s.g.day, s.g.open = 2, true
		s.want(s.round(time.Hour), 1, 2, 3, 4)
		s.g.day = 3 // closed and opened between two looks
		s.want(s.round(time.Minute), 1, 2, 3, 4, 5)
	})
}

// Of the older ones the last of each date stays, by count. A clock that is set back makes a copy too many, and never
// takes a new one for an old one.
func TestBackupsAreThinned(t *testing.T) {
	onShelf(t, nil, func(s *shelf) {
		for range 24 * 6 {
			s.round(time.Hour)
		}
		// It began at 9 on the 2nd; copies at 23 are 15, 39, 63, 87, 111, 135. The newest four are 141 to 144, 8 o'clock on the 8th.
		s.want(s.numbers(0), 111, 135, 140, 141, 142, 143, 144)
		s.want(s.round(-72*time.Hour), 111, 135, 141, 142, 143, 144, 145)
		s.want(s.round(time.Minute), 111, 135, 141, 142, 143, 144, 145)
		s.alarm("")
	})
}

func TestReadCopied(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 4, 5, 0, time.UTC)
	for name, want := range map[string]copied{
		"quhao-000012-20260302-080405.db": {number: 12, at: at}, "quhao-20260302-080405.db": {at: at},
		"quhao-000012-20260302-080405.db.part": {}, "quhao-x-20260302-080405.db": {}, "quhao-0-20260302-080405.db": {},
		"quhao.db": {}, "quhao-.db": {}, "quhao-000012.db": {}, "": {}, "quhao-000001-20261302-080405.db": {},
	} {
		got, ok := readCopied(name)
		if ok == want.at.IsZero() || ok && (got.number != want.number || !got.at.Equal(want.at) || got.name != name) {
			t.Errorf("%q is read as %+v, %t", name, got, ok)
		}
	}
}

// FuzzReadCopied: any name of a file may stand in the folder; what is read as a copy has a place in the order and a time.
func FuzzReadCopied(f *testing.F) {
	for _, name := range []string{"quhao-000012-20260302-080405.db", "quhao-20260302-080405.db", "quhao--.db", "quhao-9999999999999999999-20260302-080405.db"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, ok := readCopied(name)
		if ok && (c.name != name || c.number < 0 || !strings.HasPrefix(name, backupName) || c.at.IsZero() && !strings.Contains(name, "00010101")) {
			t.Errorf("%q is read as %+v", name, c)
		}
	})
}

// What a start that was killed has left half-made goes; other files stay.
func TestBackupsAreSwept(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"quhao-000001-20260302-080405.db.part", "quhao-000001-20260302-080405.db.part-journal", "letter.db.part"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	onShelf(t, []string{dir}, func(s *shelf) {
		s.want(s.round(0), 1)
		s.alarm("")
	})
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(all) != 2 || filepath.Base(all[0]) != "letter.db.part" {
		t.Errorf("what is left: %v %v", all, err)
	}
}

// Each place has its own copies and its own alarm; a folder that was named and is not there is not made: it may be a disk
// that is not mounted.
func TestBackupsInTwoPlaces(t *testing.T) {
	near, far := t.TempDir(), filepath.Join(t.TempDir(), "far")
	onShelf(t, []string{near, far}, func(s *shelf) {
		s.want(s.round(0), 1)
		s.alarm("mount its disk")
		if err := os.Mkdir(far, 0o700); err != nil {
			t.Fatal(err)
		}
		s.round(time.Minute) // it is tried again, but not at once
		s.want(s.numbers(1))
		s.round(backupAgain)
		s.want(s.numbers(0), 1)
		s.want(s.numbers(1), 1)
		s.alarm("")
	})
}

// What is missing, cannot be written, does not fit, or could not be made is an alarm, and is made up for.
func TestBackupAlarms(t *testing.T) {
	dir := t.TempDir()
	onShelf(t, []string{dir}, func(s *shelf) {
		s.want(s.round(0), 1)
		all, err := fs.Glob(os.DirFS(dir), "*")
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		if err := os.Remove(filepath.Join(dir, all[0])); err != nil {
			t.Fatal(err)
		}
		s.want(s.round(time.Minute), 1) // another one: the number is free again
		s.alarm("")

		s.b.free = func(string) (uint64, error) { return 1 << 20, nil }
		s.want(s.round(time.Hour), 1)
		s.alarm("1 MiB are free, a copy wants 6")
		s.b.free = freeSpace
		s.want(s.round(backupAgain), 1, 2)
		s.alarm("")

		// A file that is in the way of the half-made copy: nothing can be written there.
		name := fmt.Sprintf("quhao-000003-%s.db.part", s.now.Add(time.Hour).UTC().Format(stampForm))
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(time.Hour)
		s.g.seq++
		s.b.round(t.Context(), s.now, s.g)
		s.alarm("no copy can be made")
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		s.want(s.round(backupAgain), 1, 2, 3)
		s.alarm("")

		s.b.old(s.now.Add(backupOld)) // as long as a copy may hang
		s.alarm("")
		s.b.old(s.now.Add(backupOld + time.Minute))
		s.alarm("older than 2h")
		s.round(backupOld)
		s.alarm("")
	})
}
