package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileDisk keeps a journal in a file of a folder.
type FileDisk struct {
	dir  string
	name string
	file *os.File
}

// OpenDisk opens the journal's file in a folder, which it makes if need be.
func OpenDisk(dir string) (*FileDisk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &FileDisk{dir: dir, name: filepath.Join(dir, "journal")}, nil
}

// Load reads the whole file.
func (d *FileDisk) Load() ([]byte, error) {
	b, err := os.ReadFile(d.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Append writes to the end of the file and syncs it.
func (d *FileDisk) Append(b []byte) error {
	if d.file == nil {
		f, err := os.OpenFile(d.name, os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		d.file = f
	}
	if _, err := d.file.Write(b); err != nil {
		return err
	}
	return d.file.Sync()
}

// Replace writes a new file beside the old one, syncs it, puts it in its place, and syncs the folder.
func (d *FileDisk) Replace(b []byte) error {
	if err := d.Close(); err != nil {
		return err
	}
	tmp := d.name + ".new"
	if err := writeSynced(tmp, b); err != nil {
		return err
	}
	if err := os.Rename(tmp, d.name); err != nil {
		return err
	}
	dir, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func writeSynced(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// Close closes the file; the journal stays as it is.
func (d *FileDisk) Close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
