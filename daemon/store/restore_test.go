package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// copied is a folder with a database, and a copy of it from a while before.
func copied(t *testing.T) (dir, backup string) {
	t.Helper()
	dir, backup = t.TempDir(), filepath.Join(t.TempDir(), "copy.db")
	s := mustOpen(t, dir)
	w := newWalk(1)
	grow := func() {
		events, tickets, visits := w.run(t, 30)
		mustAppend(t, s, events, tickets, visits)
	}
	grow()
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	grow()
	mustClose(t, s)
	return dir, backup
}

// seq is how many events the log of a folder holds.
func seq(t *testing.T, dir string) uint64 {
	t.Helper()
	s := mustOpen(t, dir)
	defer mustClose(t, s)
	return loaded(t, s).Seq
}

func nothing(string) error { return nil }

func TestRestoreTouchesNothingUntilTheCopyIsReady(t *testing.T) {
	dir, backup := copied(t)
	was := seq(t, dir)
	no := errors.New("no recovery")
	if _, err := Restore(t.Context(), dir, backup, time.Now(), func(string) error { return no }); !errors.Is(err, no) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("answers %v", err)
	}
	if _, err := Restore(t.Context(), dir, filepath.Join(dir, fileName), time.Now(), nothing); err == nil || !strings.Contains(err.Error(), "the database itself") {
		t.Errorf("the database as its own backup: %v", err)
	}
	if is := seq(t, dir); is != was {
		t.Errorf("the log has %d events, had %d", is, was)
	}
	kept, err := Restore(t.Context(), dir, backup, time.Now(), nothing)
	if err != nil || kept == "" {
		t.Fatalf("kept %q, %v", kept, err)
	}
	if is := seq(t, dir); is >= was {
		t.Errorf("after the restore the log has %d events, before %d", is, was)
	}
	if is := seq(t, kept); is != was {
		t.Errorf("what was kept has %d events of %d", is, was)
	}
	if left, err := os.Stat(filepath.Join(dir, staged)); err == nil {
		t.Errorf("%s is left over", left.Name())
	}
}

// A restore that was killed between setting aside what was there and putting the copy in place leaves no database.
func TestNoNewDatabaseWhereOneIsMissing(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"killed in a restore": func(dir string) error { _, err := setAside(dir, time.Now()); return err },
		"killed while it set aside": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, fileName)), os.WriteFile(filepath.Join(dir, fileName+"-wal"), []byte("x"), 0o600))
		},
		"removed, and there are copies": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "backups"), 0o700), os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, "backups", "copy.db")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, backup := copied(t)
			if err := lose(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir, Options{})
			if lost, ok := errors.AsType[ErrLost](err); !ok || len(lost.Traces) == 0 || !strings.Contains(err.Error(), "quhaod restore") {
				t.Fatalf("opened: %v", err)
			}
			if _, err := Restore(t.Context(), dir, backup, time.Now(), nothing); err != nil {
				t.Fatal(err)
			}
			if seq(t, dir) == 0 {
				t.Error("the restored log is empty")
			}
		})
	}
}

func TestRestorePutsBackWhatItSetAside(t *testing.T) {
	dir, _ := copied(t)
	was := seq(t, dir)
	kept, err := setAside(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := putBack(kept, dir); err != nil {
		t.Fatal(err)
	}
	if is := seq(t, dir); is != was {
		t.Errorf("the log has %d events, had %d", is, was)
	}
}

func TestCopiesAreForTheirOwnerOnly(t *testing.T) {
	_, backup := copied(t)
	info, err := os.Stat(backup)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
