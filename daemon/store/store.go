package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// fileName is the database in the data folder.
const fileName = "quhao.db"

// walPages lets SQLite's own log grow to 16 MB before it is written back into the file. That costs one commit some
// milliseconds, and one in 160 with the 1000 pages that SQLite takes by itself: the slowest of a hundred taps would be it.
const walPages = `PRAGMA wal_autocheckpoint = 4000`

// Options are the few things a caller may choose.
type Options struct {
	Who     string // what another program is told that finds the folder locked; empty is taken as quhaod
	Readers int    // connections for reports, at least 1; 0 is taken as 4
	// NoCheck leaves out the quick check at the start. It reads the whole file: 3 to 6 ms a MiB were measured, and a centre of
	// a thousand tickets a day writes about 2 MiB a day.
	NoCheck bool
	// CheckWait is how long Open waits for the quick check, 0 for as long as it takes. One that takes longer goes on beside
	// the work; Checked and Damage tell how it ended. What decisions rest on is looked at in Open and Load in any case: the
	// end of the log, and the hash chain of the days that make the state.
	CheckWait time.Duration
}

// Store is an open database. Its methods may be called from several goroutines; Append, Rebuild and Close wait for each other.
type Store struct {
	dir   string
	lock  *os.File
	write *sql.DB // one connection
	read  *sql.DB // a pool that cannot write
	codec codec
	stmt  statements

	appending sync.Mutex
	tail      *head // of the log, as the last Append left it; nil when that has to be read

	byReq *sql.Stmt // sqlByRequest on the pool that reads: it is asked before each command that changes something
	quick *quickCheck
}

// Open opens the database in the data folder dir; it makes the folder and the database if they are not there.
// It takes the lock of the folder, brings the schema up to date, and checks the file with SQLite's quick check, which
// reads all of it; Options say how long that may keep the caller waiting. It answers with ErrLocked, ErrNewer, ErrNoSQLite, or ErrBroken if the log does not end where it was left,
// and with ErrLost if the folder has had a database and it is gone.
func Open(dir string, o Options) (*Store, error) { return open(dir, o, migrationFiles) }

func open(dir string, o Options, files fs.FS) (_ *Store, err error) {
	if !haveSQLite {
		return nil, ErrNoSQLite{}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if o.Who == "" {
		o.Who = "quhaod"
	}
	s := &Store{dir: dir, codec: newCodec()}
	if s.lock, err = lock(dir, o.Who); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := lost(dir); err != nil {
		return nil, err
	}
	if err := s.connect(o); err != nil {
		return nil, err
	}
	if err := migrate(s.write, dir, files); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path(), err)
	}
	s.quick = startCheck(s.read, o.NoCheck)
	if err := s.quick.wait(o.CheckWait); err != nil {
		return nil, fmt.Errorf("check %s: %w", s.path(), err)
	}
	if err := checkEnd(s.write); err != nil {
		return nil, err
	}
	if s.stmt, err = prepare(s.write); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path(), err)
	}
	if s.byReq, err = s.read.Prepare(sqlByRequest); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path(), err)
	}
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.dir, fileName) }

// connect opens the connection that writes and the pool that reads.
func (s *Store) connect(o Options) (err error) {
	s.write, err = dial(s.path(), url.Values{
		"mode": {"rwc"}, "_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"}, "_busy_timeout": {"5000"},
		"_foreign_keys":       {"on"},
		"_recursive_triggers": {"on"}, // without them REPLACE would remove events past the trigger
	})
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if _, err := s.write.Exec(walPages); err != nil {
		return fmt.Errorf("open %s: %w", s.path(), err)
	}
	s.read, err = dial(s.path(), url.Values{"mode": {"ro"}, "_query_only": {"on"}, "_busy_timeout": {"5000"}})
	if err != nil {
		return err
	}
	if o.Readers < 1 {
		o.Readers = 4
	}
	s.read.SetMaxOpenConns(o.Readers)
	s.read.SetMaxIdleConns(o.Readers)
	return nil
}

// dial makes a pool for a file. Nothing is opened yet. The path may hold any character.
func dial(path string, options url.Values) (*sql.DB, error) {
	name := url.URL{Path: path}
	db, err := sql.Open("sqlite3", "file:"+name.EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// Close ends what is under way, writes the log of SQLite back into the file, and gives up the lock of the folder.
func (s *Store) Close() error {
	if s.quick != nil {
		s.quick.end()
	}
	var errs []error
	if s.byReq != nil {
		errs = append(errs, s.byReq.Close())
	}
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.stmt.close(), s.write.Close())
	}
	if err := errors.Join(append(errs, unlock(s.lock))...); err != nil {
		return fmt.Errorf("close %s: %w", s.path(), err)
	}
	return nil
}
