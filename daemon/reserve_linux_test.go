package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"quhao/internal/proto"
)

// smallDisk names the folder of a small file system, in the process that may mount one.
const smallDisk = "QUHAO_TEST_SMALL_DISK"

// onSmallDisk runs the test again in a process with a mount table of its own, where TMPDIR is a file system of so many MiB;
// inside it returns true. It needs no rights but those of user_namespaces(7).
func onSmallDisk(t *testing.T, mib int) (inside bool) {
	t.Helper()
	if dir := os.Getenv(smallDisk); dir != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", dir)
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	t.Logf("on a disk of %d MiB:\n%s", mib, out)
	if err != nil {
		t.Error(err)
	}
	return false
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<16); ; {
		switch _, err := f.Write(block); {
		case err == nil:
		case errors.Is(err, unix.ENOSPC) && len(block) > 1:
			block = block[:len(block)/2]
		case errors.Is(err, unix.ENOSPC):
			return
		default:
			t.Fatal(err)
		}
	}
}

// TestDiskFull fills the disk under a running controller: numbers are refused in clear words, calling, completing and
// rating go on with the space in reserve, a start works as well, and once there is room all is as before.
func TestDiskFull(t *testing.T) {
	if !onSmallDisk(t, 160) {
		return
	}
	r := newEmbedded(t)
	r.start()
	kiosk := r.join("kiosk-1", proto.KindKiosk, r.topics.Hall("hall"))
	unit := r.join("unit-3", proto.KindCounter, r.topics.Counter("c3"))
	kiosk.inSession()
	unit.inSession()
	r.tell("sign", "on", "c3", "officer-3")
	for range 5 {
		kiosk.ticket("finance")
	}
	filler := filepath.Join(t.TempDir(), "filler")
	fill(t, filler)
	more := kiosk.untilRefused(t)
	if said := r.tell("status"); !strings.Contains(said, "ALARM: space: ") {
		t.Errorf("status:\n%s", said)
	}
	const visits = 4
	for range visits - 1 {
		unit.serve()
	}
	r.stop()
	r.start() // the reserve was given up already
	unit.inSession()
	unit.serve()
	t.Logf("on a full disk: %d more numbers until they were refused in words, then %d visitors called, served and rated, one of them after a start", more, visits)
	if res := kiosk.do(proto.Cmd{Op: proto.OpTicket, Q: "finance"}); res.S != proto.ResClosed {
		t.Errorf("a number after a start on a full disk: %+v", res)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(t, "the alarm is over", func() bool { return !strings.Contains(r.tell("status"), "ALARM: space") })
	kiosk.ticket("finance")
	r.stop()
	fill(t, filler)
	r.start() // the reserve is given up for the start
	unit.inSession()
	unit.serve()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(t, "the alarm is over again", func() bool { return !strings.Contains(r.tell("status"), "ALARM: space") })
	r.stop()
	if said := r.tell("verify"); !strings.Contains(said, "the log is whole") {
		t.Error(said)
	}
	if info, err := os.Stat(filepath.Join(r.data, reserveFile)); err != nil || info.Size() != reserveSize {
		t.Errorf("the reserve: %v %v", info, err)
	}
}

// untilRefused takes numbers until one is refused, which must be in clear words, and says how many were given.
func (m *member) untilRefused(t *testing.T) (given int) {
	t.Helper()
	for {
		res := m.do(proto.Cmd{Op: proto.OpTicket, Q: "finance"})
		if res.S == proto.ResOK {
			given++
			continue
		}
		if res.S != proto.ResClosed || !strings.Contains(res.Why, "磁盘已满") {
			t.Errorf("after %d numbers one is refused with %+v", given, res)
		}
		return given
	}
}

// serve calls the next visitor to counter 3, serves and is rated.
func (m *member) serve() {
	m.t.Helper()
	m.press("c3", proto.Cmd{Op: proto.OpNext})
	m.press("c3", proto.Cmd{Op: proto.OpStart})
	m.press("c3", proto.Cmd{Op: proto.OpComplete, Outcome: "direct"})
	st := m.counter("c3", func(st proto.CounterState) bool { return st.Rating != nil })
	m.fact(proto.Fact{K: proto.FactRating, Tok: st.Rating.Tok, V: 5})
	m.counter("c3", func(st proto.CounterState) bool { return st.Rating == nil })
}
