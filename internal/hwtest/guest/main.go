// Program guest is the first process of the virtual machine in which quhao/internal/hwtest tries the device programs.
// It mounts what a system needs, loads the kernel's modules, dials the harness and does as it is told until the
// connection ends; then it switches the machine off. It is part of the tests and of no package.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"quhao/internal/hwtest"
)

// bootWithin bounds what has to come by itself after the modules are loaded.
const bootWithin = 20 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stderr, "guest: cannot switch off:", err)
	}
}

func run() error {
	// One goroutine moves lines and waits busily between, another reads what comes of it: with the one processor of this
	// machine the runtime would let them take turns of 10 ms, and the kernel's queue of edges would be full by then.
	runtime.GOMAXPROCS(4)
	if os.Getpid() != 1 {
		return errors.New("this is the first process of a virtual machine and nothing else")
	}
	if err := mounts(); err != nil {
		return err
	}
	if err := load(); err != nil {
		return err
	}
	if err := mount("configfs", "/sys/kernel/config"); err != nil {
		return err
	}
	if err := network(); err != nil {
		return err
	}
	host, err := harness()
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", host, bootWithin)
	if err != nil {
		return err
	}
	links, err := watchPlugs()
	if err != nil {
		return err
	}
	s := rpc.NewServer()
	if err := s.RegisterName(hwtest.Service, newGuest(links)); err != nil {
		return err
	}
	s.ServeConn(conn)
	return nil
}

// mounts mounts the kernel's own file systems.
func mounts() error {
	for _, m := range [][2]string{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}, {"tmpfs", "/var"}} {
		if err := mount(m[0], m[1]); err != nil {
			return err
		}
	}
	return nil
}

func mount(kind, where string) error {
	if err := os.MkdirAll(where, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := unix.Mount(kind, where, kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount %s: %w", where, err)
	}
	return nil
}

// load loads the modules in their order.
func load() error {
	list, err := os.ReadFile(hwtest.Order)
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(list)) {
		f, err := os.Open(filepath.Join(hwtest.Modules, name))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// network brings the loopback and the card up.
func network() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for name, addr := range map[string]string{"lo": "127.0.0.1", "eth0": hwtest.GuestAddr} {
		if err := up(fd, name, net.ParseIP(addr).To4()); err != nil {
			return fmt.Errorf("network %s: %w", name, err)
		}
	}
	return nil
}

// up gives an interface its address, with the mask of its class, and switches it on.
func up(fd int, name string, addr []byte) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := r.SetInet4Addr(addr); err != nil {
		return err
	}
	set := func() error { return unix.IoctlIfreq(fd, unix.SIOCSIFADDR, r) }
	if err := eventually(bootWithin, set, unix.ENODEV); err != nil { // the card's driver may still be probing
		return err
	}
	r.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

// eventually tries again for so long as f fails with a certain error.
func eventually(within time.Duration, f func() error, not syscall.Errno) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		if err := f(); !errors.Is(err, not) || time.Now().After(end) {
			return err
		}
	}
}

// harness is where the kernel's command line says that the harness listens.
func harness() (string, error) {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return "", err
	}
	for word := range strings.FieldsSeq(string(line)) {
		if host, ok := strings.CutPrefix(word, hwtest.HostArg); ok {
			return host, nil
		}
	}
	return "", fmt.Errorf("the command line has no %s", hwtest.HostArg)
}
