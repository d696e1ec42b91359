package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// migrationFiles holds the schema as numbered steps, migrations/0001_….sql and on. A step that was released is never changed.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema; the version of the schema is the number of the last step taken.
type migration struct {
	version int
	name    string
	sql     string
}

// migrations reads the steps in order. They are numbered from 1 without gaps.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []migration
	for i, name := range names { // Glob gives them sorted
		number, _, _ := strings.Cut(filepath.Base(name), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version: i + 1, name: filepath.Base(name), sql: string(text)})
	}
	return steps, nil
}

// migrate brings the database to the schema of this program, each step in a transaction of its own.
// A database that holds anything is copied to quhao.before-<version>.db in its folder first.
func migrate(db *sql.DB, dir string, files fs.FS) error {
	steps, err := migrations(files)
	if err != nil {
		return err
	}
	var have, tables int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	switch {
	case have > len(steps):
		return ErrNewer{File: have, Ours: len(steps)}
	case have == 0 && tables > 0:
		return fmt.Errorf("%s is a database of another program", fileName)
	case have > 0 && have < len(steps):
		copied := filepath.Join(dir, fmt.Sprintf("quhao.before-%04d.db", have+1))
		if err := copyDatabase(context.Background(), filepath.Join(dir, fileName), copied); err != nil {
			return fmt.Errorf("copy the database before migration: %w", err)
		}
	}
	for _, m := range steps[have:] {
		if err := m.apply(db); err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	return nil
}

func (m migration) apply(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	if _, err := tx.Exec(m.sql); err != nil {
		return err
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", m.version)); err != nil {
		return err
	}
	return tx.Commit()
}
