package station

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// read is a file of /proc, empty if it cannot be read: processes come and go.
func (d *doctor) read(name string) string {
	b, err := fs.ReadFile(d.proc, name)
	if err != nil {
		return ""
	}
	return string(b)
}

// lockers are the processes that hold a lock on a node, by /proc/locks (proc(5)), which everybody may read:
//
//	1: FLOCK  ADVISORY  WRITE 1234 00:06:345 0 EOF
func (d *doctor) lockers(node string) (pids []int) {
	info, err := os.Stat(node)
	if err != nil {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for line := range strings.Lines(d.read("locks")) {
		if f := strings.Fields(line); len(f) >= 6 && f[5] == file {
			if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// openers are the processes that have a node open, as far as this user may see.
func (d *doctor) openers(node string) (pids []int) {
	node = target(node)
	all, err := fs.ReadDir(d.proc, ".")
	if err != nil {
		return nil
	}
	for _, e := range all {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		open, err := fs.ReadDir(d.proc, e.Name()+"/fd")
		if err != nil {
			continue // another user's
		}
		for _, fd := range open {
			if to, err := fs.ReadLink(d.proc, e.Name()+"/fd/"+fd.Name()); err == nil && to == node {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// target is the node that a path leads to; the path itself if it leads nowhere.
func target(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		return to
	}
	return path
}
