package store

import (
	"os"
	"testing"
	"time"

	"quhao/daemon/queue"
)

// damaged makes a database whose events can be read and one of whose indices is torn.
func damaged(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := mustOpen(t, dir)
	w := newWalk(5)
	mustRun(t, s, w, 200)
	var page, size int64
	if err := s.write.QueryRow(`SELECT rootpage FROM sqlite_schema WHERE name = 'events_rated'`).Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := s.write.QueryRow(`PRAGMA page_size`).Scan(&size); err != nil {
		t.Fatal(err)
	}
	path := s.path()
	mustClose(t, s)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, size), (page-1)*size); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A start that waits refuses a damaged file; one that does not learns of it later, and can be closed in between.
func TestQuickCheckBesideTheWork(t *testing.T) {
	dir := damaged(t)
	if s, err := Open(dir, Options{}); err == nil {
		t.Errorf("a damaged file was opened; close: %v", s.Close())
	}
	s, err := Open(dir, Options{CheckWait: time.Nanosecond})
	if err != nil {
		t.Logf("the check was faster than the start: %v", err)
		return
	}
	if err := s.Load(func(queue.Event) error { return nil }); err != nil {
		t.Errorf("the days of the state are whole: %v", err)
	}
	select {
	case <-s.Checked():
	case <-time.After(time.Minute):
		t.Fatal("the check does not end")
	}
	if s.Damage() == nil {
		t.Error("the damage was not found")
	}
	mustClose(t, s)
	s = mustOpen(t, t.TempDir())
	if <-s.Checked(); s.Damage() != nil {
		t.Error(s.Damage())
	}
	mustClose(t, s)
	if s.Damage() != nil {
		t.Error(s.Damage())
	}
}
