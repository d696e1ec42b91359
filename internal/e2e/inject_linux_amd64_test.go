package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The injector lets the n-th operation on files below one folder fail, once, in a program that knows nothing of it: the
// test binary starts itself, and that the program, with a seccomp filter that stops it at the calls that matter
// (seccomp(2), SECCOMP_RET_TRACE) and only there; ptrace(2) then turns the n-th into an error. strace can do the like, but
// counts per thread, and the threads of a Go program share their work as it comes.

// injection says what is to fail. It travels in the environment.
type injection struct {
	folder string        // operations on files in it and below count
	n      int           // which of them fails, from 1; 0: none
	errno  syscall.Errno // how
	report string        // this file gets a line for each operation: its number, the call, the file, and what was made of it
}

const (
	injectEnv = "QUHAO_E2E_INJECT"
	tracedEnv = "QUHAO_E2E_TRACED" // set in the process that becomes the program
)

func (i injection) String() string {
	return fmt.Sprintf("%s\x1f%d\x1f%d\x1f%s", i.folder, i.n, int(i.errno), i.report)
}

func readInjection(s string) (i injection, err error) {
	f := strings.Split(s, "\x1f")
	if len(f) != 4 {
		return i, fmt.Errorf("%s=%q", injectEnv, s)
	}
	n, err1 := strconv.Atoi(f[1])
	no, err2 := strconv.Atoi(f[2])
	return injection{f[0], n, syscall.Errno(no), f[3]}, errors.Join(err1, err2)
}

// call is a system call that can fail.
type call struct {
	name string
	fd   bool // its first argument is an open file; otherwise it is a path, behind a folder if at is true
	at   bool
}

// calls are those that change files, and the opening of one.
var calls = map[uint64]call{
	unix.SYS_WRITE: {name: "write", fd: true}, unix.SYS_PWRITE64: {name: "write", fd: true}, unix.SYS_WRITEV: {name: "write", fd: true},
	unix.SYS_FSYNC: {name: "fsync", fd: true}, unix.SYS_FDATASYNC: {name: "fsync", fd: true},
	unix.SYS_FTRUNCATE: {name: "ftruncate", fd: true}, unix.SYS_FALLOCATE: {name: "fallocate", fd: true},
	unix.SYS_OPEN: {name: "open"}, unix.SYS_OPENAT: {name: "open", at: true},
	unix.SYS_RENAME: {name: "rename"}, unix.SYS_RENAMEAT: {name: "rename", at: true}, unix.SYS_RENAMEAT2: {name: "rename", at: true},
	unix.SYS_UNLINK: {name: "unlink"}, unix.SYS_UNLINKAT: {name: "unlink", at: true},
	unix.SYS_MKDIR: {name: "mkdir"}, unix.SYS_MKDIRAT: {name: "mkdir", at: true},
}

// injector runs in place of the tests if the environment says so. It returns false if it does not.
func injector() (code int, yes bool) {
	words := os.Getenv(injectEnv)
	if words == "" {
		return 0, false
	}
	// Both filter and tracing belong to a thread.
	runtime.LockOSThread()
	if os.Getenv(tracedEnv) != "" {
		fmt.Fprintln(os.Stderr, "inject:", become(os.Args[1:]))
		return 1, true
	}
	i, err := readInjection(words)
	if err == nil {
		code, err = i.trace(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		return 1, true
	}
	return code, true
}

// become turns this process into the program, with the filter on.
func become(args []string) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call, the first field of struct seccomp_data
	}
	for nr := range calls {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jt: 0, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, injectEnv+"=") || strings.HasPrefix(s, tracedEnv+"=")
	})
	return syscall.Exec(args[0], args, env)
}

// trace starts the program and follows it to its end, whose exit code it returns.
func (i injection) trace(args []string) (int, error) {
	report, err := os.OpenFile(i.report, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer report.Close()
	cmd := exec.Command(os.Args[0], args...)
	// Go's own preemption by signals would stop the program at the tracer a thousand times for nothing.
	cmd.Env = append(os.Environ(), tracedEnv+"=1", "GODEBUG=asyncpreemptoff=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, syscall.WALL, nil); err != nil {
		return 0, err
	}
	options := unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		return 0, err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() {
		for range asked {
			_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		}
	}()
	if err := syscall.PtraceCont(pid, 0); err != nil {
		return 0, err
	}
	return i.follow(pid, report)
}

// follow goes on from stop to stop until the program has ended.
func (i injection) follow(pid int, report *os.File) (int, error) {
	count := 0
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait: %w", err)
		}
		sig := 0
		switch {
		case ws.Exited() && tid == pid:
			return ws.ExitStatus(), nil
		case ws.Signaled() && tid == pid:
			return 128 + int(ws.Signal()), nil
		case !ws.Stopped():
			continue // a thread has ended
		case ws.StopSignal() == syscall.SIGTRAP && ws.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			if err := i.meet(tid, &count, report); err != nil && !errors.Is(err, syscall.ESRCH) {
				return 0, err
			}
		case ws.StopSignal() == syscall.SIGTRAP, ws.StopSignal() == syscall.SIGSTOP: // an event, or a new thread
		default:
			sig = int(ws.StopSignal())
		}
		if err := syscall.PtraceCont(tid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, fmt.Errorf("go on: %w", err)
		}
	}
}

// meet looks at a call that is about to be made; if it is the n-th of those that count, the kernel leaves it out and
// answers with the error.
func (i injection) meet(tid int, count *int, report *os.File) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	c := calls[regs.Orig_rax]
	file := c.file(tid, &regs)
	below, err := filepath.Rel(i.folder, file)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return nil
	}
	*count++
	done := "made"
	if *count == i.n {
		done = i.errno.Error()
		regs.Orig_rax = ^uint64(0)
		regs.Rax = uint64(-int64(i.errno))
		if err := syscall.PtraceSetRegs(tid, &regs); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(report, "%d\t%s\t%s\t%s\n", *count, c.name, below, done)
	return err
}

// file is the path that a call is about, or nothing if it cannot be told.
func (c call) file(tid int, regs *syscall.PtraceRegs) string {
	opened := func(fd uint64) string {
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(name, " (deleted)")
	}
	if c.fd {
		return opened(regs.Rdi)
	}
	name := regs.Rdi
	if c.at {
		name = regs.Rsi
	}
	path := text(tid, uintptr(name))
	switch {
	case path == "" || filepath.IsAbs(path):
		return path
	case c.at && int32(regs.Rdi) != unix.AT_FDCWD:
		return filepath.Join(opened(regs.Rdi), path)
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", tid))
	if err != nil {
		return ""
	}
	return filepath.Join(cwd, path)
}

// text reads a string of the program, which must be stopped.
func text(tid int, at uintptr) string {
	var b [256]byte // longer than any path of these tests
	n, err := syscall.PtracePeekData(tid, at, b[:])
	if err != nil {
		return ""
	}
	s, _, _ := strings.Cut(string(b[:n]), "\x00")
	return s
}
