package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// later gives the steps of a later program: ours, and some more.
func later(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(migrationFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := migrationFiles.ReadFile(path)
		files[path] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range more {
		files["migrations/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// TestMigrate brings a database to later schemas: a copy is kept, a step that fails leaves the step before it, and the
// older program refuses what it does not know.
func TestMigrate(t *testing.T) {
	dir, w := t.TempDir(), newWalk(21)
	s := mustOpen(t, dir)
	mustRun(t, s, w, 100)
	before := dump(t, s, "events")
	mustClose(t, s)

	bad := later(t, map[string]string{
		"0002_color.sql": "ALTER TABLE tickets ADD COLUMN color TEXT NOT NULL DEFAULT 'white';",
		"0003_wrong.sql": "CREATE TABLE half (x INTEGER); INSERT INTO nowhere VALUES (1);",
	})
	if s, err := open(dir, Options{}, bad); err == nil || !strings.Contains(err.Error(), "0003_wrong.sql") {
		t.Fatalf("a step that fails: %v, %v", s, err)
	}
	if got := version(t, filepath.Join(dir, fileName)); got != 2 {
		t.Errorf("after a step that failed the schema has version %d, want 2", got)
	}
	copied := filepath.Join(dir, "quhao.before-0002.db")
	if got := version(t, copied); got != 1 {
		t.Errorf("the copy has schema version %d, want 1", got)
	}
	if err := checkCopy(t.Context(), copied); err != nil {
		t.Error(err)
	}

	_, err := Open(dir, Options{})
	if newer, ok := errors.AsType[ErrNewer](err); !ok || newer != (ErrNewer{File: 2, Ours: 1}) {
		t.Errorf("the older program opens a newer database: %v", err)
	}

	good := later(t, map[string]string{
		"0002_color.sql": "ALTER TABLE tickets ADD COLUMN color TEXT NOT NULL DEFAULT 'white';",
		"0003_index.sql": "CREATE INDEX tickets_color ON tickets (color);",
	})
	s, err = open(dir, Options{}, good)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	if diff := cmp.Diff(before, dump(t, s, "events")); diff != "" {
		t.Errorf("migration changed the log:\n%s", diff)
	}
	sameState(t, loaded(t, s), w.state)
	mustRun(t, s, w, 50)
}

func version(t *testing.T, path string) (v int) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("PRAGMA user_version").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMigrationsAreNumbered(t *testing.T) {
	if _, err := migrations(later(t, map[string]string{"0003_gap.sql": ""})); err == nil || !strings.Contains(err.Error(), "0003_gap") {
		t.Errorf("a gap in the numbers: %v", err)
	}
	if steps, err := migrations(migrationFiles); err != nil || len(steps) == 0 {
		t.Errorf("our own: %v, %v", steps, err)
	}
}

// TestForeignDatabase leaves alone what another program has written.
func TestForeignDatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE songs (title TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("opened: %v", err)
	}
}

// TestBackup copies while work goes on; the copy is a whole database of some moment.
func TestBackup(t *testing.T) {
	s, w := opened(t), newWalk(31)
	mustRun(t, s, w, 500)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			events, tickets, visits, err := w.steps(5)
			if err == nil {
				err = s.Append(events, tickets, visits)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	folder := t.TempDir()
	path := filepath.Join(folder, "copy.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Error(err)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a copy was written over another: %v", err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("beside the copy: %v, %v", files, err)
	}
	if err := s.Backup(t.Context(), filepath.Join(folder, "no", "such", "folder.db")); err == nil {
		t.Error("a copy into no folder")
	}
	copied := t.TempDir()
	if err := os.Rename(path, filepath.Join(copied, fileName)); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, copied)
	defer mustClose(t, c)
	n, hash, err := c.Head(t.Context())
	if err != nil || n < 500 {
		t.Fatalf("the copy ends at event %d, %v", n, err)
	}
	rows, err := s.Events(t.Context(), n, 1)
	if err != nil || len(rows) != 1 || rows[0].Hash != hash {
		t.Errorf("the copy's last event %d is not ours: %v", n, err)
	}
	loaded(t, c)
	rebuiltIsSame(t, c)
}
