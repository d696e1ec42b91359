package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FileDisk keeps a journal in a file of a folder.
type FileDisk struct {
	dir  string
	name string
	file *os.File
	size int64 // of the file, while it is open
	room int64 // up to where its blocks are promised
}

const (
	keepSize = 1        // FALLOC_FL_KEEP_SIZE of fallocate(2): blocks are promised, the file looks as before
	stride   = 64 << 10 // bytes promised at once: enough for a dozen tickets, so that not each asks the file system
)

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

// open opens the file for writing at its end.
func (d *FileDisk) open() error {
	if d.file != nil {
		return nil
	}
	f, err := os.OpenFile(d.name, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.file, d.size, d.room = f, info.Size(), 0
	return nil
}

// Append writes to the end of the file and syncs it.
func (d *FileDisk) Append(b []byte) error {
	if err := d.open(); err != nil {
		return err
	}
	n, err := d.file.Write(b)
	d.size += int64(n)
	if err != nil {
		return err
	}
	return d.file.Sync()
}

// Reserve promises that the next n bytes find room behind the end of the file. An error that wraps ErrFull says that they
// do not; the file is as it was.
func (d *FileDisk) Reserve(n int) error {
	if err := d.open(); err != nil {
		return err
	}
	if d.room >= d.size+int64(n) {
		return nil
	}
	want := max(stride, int64(n))
	err := syscall.Fallocate(int(d.file.Fd()), keepSize, d.size, want)
	if errors.Is(err, syscall.ENOSPC) {
		want = int64(n)
		err = syscall.Fallocate(int(d.file.Fd()), keepSize, d.size, want)
	}
	switch {
	case err == nil:
		d.room = d.size + want
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case !errors.Is(err, syscall.EOPNOTSUPP):
		return fmt.Errorf("reserve room: %w", err)
	}
	return d.enough(want) // this file system promises nothing: what is free now is the best that can be said
}

// enough says whether so many bytes are free.
func (d *FileDisk) enough(n int64) error {
	var s syscall.Statfs_t
	if err := syscall.Fstatfs(int(d.file.Fd()), &s); err != nil {
		return fmt.Errorf("free space: %w", err)
	}
	if free := int64(s.Bavail) * int64(s.Bsize); free < n {
		return fmt.Errorf("%w: %d bytes are free, %d are wanted", ErrFull, free, n)
	}
	return nil
}

// Replace writes a new file beside the old one, syncs it, puts it in its place, and syncs the folder. An error that wraps
// ErrKept says that the old one stands.
func (d *FileDisk) Replace(b []byte) error {
	err := d.Close()
	tmp := d.name + ".new"
	if err == nil {
		err = writeSynced(tmp, b)
	}
	if err == nil {
		err = os.Rename(tmp, d.name)
	}
	if err != nil {
		_ = os.Remove(tmp) // it is overwritten the next time otherwise
		return fmt.Errorf("%w: %w", ErrKept, err)
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
