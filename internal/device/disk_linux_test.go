package device

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"quhao/internal/proto"
)

// smallDisk names the folder of a small file system, in the process that may mount one.
const smallDisk = "QUHAO_TEST_SMALL_DISK"

// onSmallDisk runs the test again in a process with a mount table of its own, with a file system of so many KiB; inside
// it returns its folder. It needs no rights but those of user_namespaces(7).
func onSmallDisk(t *testing.T, kib int) (dir string, inside bool) {
	t.Helper()
	if dir := os.Getenv(smallDisk); dir != "" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
			t.Fatal(err)
		}
		return dir, true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	t.Logf("on a disk of %d KiB:\n%s", kib, out)
	if err != nil {
		t.Error(err)
	}
	return "", false
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
		case errors.Is(err, syscall.ENOSPC) && len(block) > 1:
			block = block[:len(block)/2]
		case errors.Is(err, syscall.ENOSPC):
			return
		default:
			t.Fatal(err)
		}
	}
}

// TestDiskFull fills the disk between the intent of a ticket and its other records: all of them find their room. The
// next intent is refused, the journal stays good, and goes on when there is room again. Nothing is lost on the way.
func TestDiskFull(t *testing.T) {
	dir, inside := onSmallDisk(t, 512)
	if !inside {
		return
	}
	d, err := OpenDisk(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, d, "installation")
	filler := filepath.Join(dir, "filler")
	taken := 0
	ticket := func(fillIn func()) error {
		id := proto.ID(fmt.Sprint(taken))
		if err := j.AddIntent(Intent{ID: id, Q: "finance"}); err != nil {
			return err
		}
		fillIn()
		_, err1 := j.AddFact(proto.Fact{K: proto.FactStart, ID: id, TID: id, Num: "B001", Q: "finance"})
		err2 := j.Ack(j.Next()-1, "sum", day)
		_, err3 := j.AddFact(proto.Fact{K: proto.FactEnd, ID: id, TID: id, How: proto.HowSent})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatalf("ticket %d was begun: %v", taken, err)
		}
		taken++
		return nil
	}
	if err := ticket(func() {}); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; {
		err = ticket(func() { fill(t, filler) })
	}
	if !errors.Is(err, ErrFull) || errors.Is(err, ErrJournal) || j.Err() != nil {
		t.Errorf("an intent on a full disk: %v; the journal: %v", err, j.Err())
	}
	t.Logf("%d tickets were begun on a full disk and kept whole; then one was refused: %v", taken-1, err)
	if taken < 3 {
		t.Errorf("only %d tickets", taken)
	}
	if err := j.compact(); err != nil || j.Err() != nil {
		t.Errorf("without room for a rewrite: %v, %v", err, j.Err())
	}
	if err := ticket(func() {}); !errors.Is(err, ErrFull) {
		t.Errorf("another intent: %v", err)
	}
	if _, err := j.AddFact(proto.Fact{K: proto.FactRating, Tok: "t", V: 5}); !errors.Is(err, ErrFull) || j.Err() != nil {
		t.Errorf("a rating on a full disk: %v; the journal: %v", err, j.Err())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := ticket(func() {}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	sameAgain(t, d, j, taken)
}

// sameAgain opens the journal again and finds two facts of each ticket.
func sameAgain(t *testing.T, d *FileDisk, j *Journal, taken int) {
	t.Helper()
	want, dir := remembered(j), d.dir
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := open(t, d, "wrong")
	if got.Torn() != 0 || len(remembered(got).Facts) != len(want.Facts) || len(want.Facts) != 2*taken {
		t.Errorf("%d bytes torn, %d facts, want %d of %d tickets", got.Torn(), len(remembered(got).Facts), len(want.Facts), taken)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
