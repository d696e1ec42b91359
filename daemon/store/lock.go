package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// lockFile is locked by flock while a Store is open, and says who holds it. The kernel drops the lock when the program
// ends in whatever way, so the file itself may stay.
const lockFile = "lock"

// holderLimit bounds what is read of another program's words.
const holderLimit = 200

// lock takes the data folder, or answers with ErrLocked.
func lock(dir, who string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data folder %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
		}
		// Who holds it is for people: if it cannot be read, the lock is held all the same.
		words, _ := io.ReadAll(io.LimitReader(f, holderLimit))
		return nil, ErrLocked{Dir: dir, Holder: strings.TrimSpace(string(words))}
	}
	if err := sign(f, fmt.Sprintf("%s, process %d\n", who, os.Getpid())); err != nil {
		return nil, errors.Join(fmt.Errorf("sign lock of data folder %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func sign(f *os.File, words string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(words), 0)
	return err
}

// unlock empties the file, so that nobody reads a name of the past, and drops the lock.
func unlock(f *os.File) error {
	return errors.Join(f.Truncate(0), f.Close())
}
