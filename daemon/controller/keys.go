package controller

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"quhao/daemon/queue"
)

// FileKeys keeps the day's key in a file of the data folder, apart from the database: a backup never holds it,
// and when it is deleted nobody can find out whose ticket was whose.
type FileKeys struct {
	path string
	have dayKey
}

type dayKey struct {
	Day queue.Day `json:"day"`
	Key []byte    `json:"key"`
}

// NewFileKeys returns the keys kept in a folder.
func NewFileKeys(dir string) *FileKeys { return &FileKeys{path: filepath.Join(dir, "day.key")} }

// Key returns the key of a day, 32 bytes, making it if the day has none. The key of another day is replaced.
func (k *FileKeys) Key(day queue.Day) ([]byte, error) {
	if k.have.Day == day && k.have.Key != nil {
		return k.have.Key, nil
	}
	b, err := os.ReadFile(k.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the day's key: %w", err)
	}
	var kept dayKey
	if err == nil && json.Unmarshal(b, &kept) == nil && kept.Day == day && len(kept.Key) == 32 {
		k.have = kept
		return kept.Key, nil
	}
	fresh := dayKey{Day: day, Key: make([]byte, 32)}
	rand.Read(fresh.Key)
	if b, err = json.Marshal(fresh); err != nil {
		return nil, err
	}
	if err := writeFile(k.path, b); err != nil {
		return nil, fmt.Errorf("keep the day's key: %w", err)
	}
	k.have = fresh
	return fresh.Key, nil
}

// Forget deletes the key.
func (k *FileKeys) Forget() error {
	k.have = dayKey{}
	if err := os.Remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete the day's key: %w", err)
	}
	return nil
}

// writeFile puts a file in its place, whole and synced.
func writeFile(path string, b []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
