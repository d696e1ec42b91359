package virtual

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// OpenPTY opens a pseudo terminal in raw mode: the twin serves master, the program under test opens slavePath as its
// serial port. Closing master looks to the program like an adapter pulled out: it reads end of file and writes EIO.
func OpenPTY() (master *os.File, slavePath string, err error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, "", fmt.Errorf("open a pty: %w", err)
	}
	master, err = pollable(blocking)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("open a pty: %w", err), slave.Close())
	}
	if err := raw(slave); err != nil {
		return nil, "", errors.Join(fmt.Errorf("make %s raw: %w", slave.Name(), err), master.Close(), slave.Close())
	}
	// One open slave keeps the settings, and keeps master readable while the program has its port closed.
	runtime.AddCleanup(master, func(s *os.File) { _ = s.Close() }, slave)
	return master, slave.Name(), nil
}

// pollable returns f opened anew in non-blocking mode, and closes f. As creack/pty leaves it, f ignores deadlines, and
// a read of it does not end when it is closed.
func pollable(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// raw does what cfmakeraw(3) does.
func raw(tty *os.File) error {
	conn, err := tty.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = conn.Control(func(fd uintptr) {
		t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			inner = err
			return
		}
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		inner = unix.IoctlSetTermios(int(fd), unix.TCSETS, t)
	})
	return errors.Join(err, inner)
}

// Cable is a serial adapter with a twin behind it: a stable link, such as those in /dev/serial/by-id, to a pty that
// can be pulled out and plugged in again. Each time the pty is another, the link the same.
type Cable struct {
	path string

	mu     sync.Mutex
	master *os.File
	cancel context.CancelFunc
	done   chan error
}

// NewCable returns a cable that will appear at path. It is not plugged in yet and touches nothing.
func NewCable(path string) *Cable { return &Cable{path: path} }

// Path is where the program under test finds the port.
func (c *Cable) Path() string { return c.path }

// Plug makes the port appear and serves it by the twin until Cut or the end of ctx (after which Cut still tidies up).
// It is an error if the cable is plugged in already.
func (c *Cable) Plug(ctx context.Context, twin Server) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.master != nil {
		return fmt.Errorf("plug in %s: already plugged in", c.path)
	}
	master, slave, err := OpenPTY()
	if err != nil {
		return err
	}
	if err := link(slave, c.path); err != nil {
		return errors.Join(err, master.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	c.master, c.cancel, c.done = master, cancel, done
	go func() { done <- twin.Serve(ctx, master) }()
	return nil
}

// link replaces whatever link there was in one step, so that nobody finds a half-made one.
func link(target, path string) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Cut pulls the adapter out: the link goes, the pty hangs up, the twin's Serve ends. It returns the twin's error.
// Cutting a cable that is not plugged in does nothing.
func (c *Cable) Cut() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.master == nil {
		return nil
	}
	err := os.Remove(c.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	c.cancel()
	err = errors.Join(err, c.hangUp(), <-c.done)
	c.master, c.cancel, c.done = nil, nil, nil
	return err
}

// hangUp closes the pty; the end of the context may have closed it before.
func (c *Cable) hangUp() error {
	if err := c.master.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
