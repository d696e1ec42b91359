//go:build hwtest

package hwtest

import (
	"bytes"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kernelEnv names the folder that scripts/guestkernel has made.
const kernelEnv = "QUHAO_HWTEST_KERNEL"

// The deadlines of the harness. Nothing waits without one; a sound machine needs a small part of each.
const (
	bootWithin = 4 * time.Minute
	patience   = 30 * time.Second // by the guest's clock
	endurance  = 3 * time.Minute  // by the host's, which may have much else to do
)

// machine is the virtual machine while it runs.
type machine struct {
	t     *testing.T // the test that is running
	guest *rpc.Client
	qmp   *qmp
	dir   string // of its sockets
	gone  chan struct{}

	mu      sync.Mutex
	console bytes.Buffer
}

// Write implements io.Writer: it is the machine's console.
func (m *machine) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.console.Write(b)
}

// fatal ends the test with the last lines of the console.
func (m *machine) fatal(format string, a ...any) {
	m.t.Helper()
	m.mu.Lock()
	lines := strings.Split(m.console.String(), "\n")
	m.mu.Unlock()
	m.t.Fatalf("%s\nthe console's last lines:\n%s", fmt.Sprintf(format, a...), strings.Join(lines[max(0, len(lines)-25):], "\n"))
}

// boot starts the machine and waits until its guest has called. It is switched off at the end of the test.
func boot(t *testing.T) *machine {
	t.Helper()
	kernel := os.Getenv(kernelEnv)
	if kernel == "" {
		t.Fatalf("%s is not set: run make hwtest", kernelEnv)
	}
	m := &machine{t: t, dir: t.TempDir(), gone: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	cmd := exec.Command("qemu-system-x86_64", m.arguments(kernel, initramfs(t, kernel), port)...)
	cmd.Stdout, cmd.Stderr = m, m
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(m.gone)
		if err := cmd.Wait(); err != nil {
			fmt.Fprintln(m, "qemu:", err)
		}
	}()
	t.Cleanup(func() { m.off(cmd) })
	m.guest = rpc.NewClient(m.accept(l))
	m.qmp = dialQMP(m)
	t.Logf("the guest runs %v after its switching on", time.Since(start).Round(100*time.Millisecond))
	return m
}

// arguments are QEMU's command line. The serial adapters have sockets that wait for their twins.
func (m *machine) arguments(kernel, initrd string, port int) []string {
	args := []string{
		// The guest's clock counts its instructions, two nanoseconds each, and goes with the host's only while it has
		// nothing to do: a busy host makes a press of 80 ms take longer, and never look longer.
		"-accel", "tcg,thread=single", "-icount", "shift=1,sleep=on", "-cpu", "qemu64,+rdrand", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(kernel, "vmlinuz"), "-initrd", initrd,
		"-append", fmt.Sprintf("console=ttyS0 loglevel=4 panic=-1 mitigations=off random.trust_cpu=on %s%s:%d", HostArg, HostAddr, port),
		"-serial", "stdio", "-qmp", "unix:" + m.socket("qmp") + ",server=on,wait=off",
		"-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "qemu-xhci,id=usb",
	}
	for _, name := range adapters() {
		args = append(args, "-chardev", "socket,id="+name+",server=on,wait=off,path="+m.socket(name))
	}
	return args
}

func (m *machine) socket(name string) string { return filepath.Join(m.dir, name) }

// accept waits for the guest's call.
func (m *machine) accept(l net.Listener) net.Conn {
	m.t.Helper()
	called := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil { // an error is the end of the listener
			called <- c
		}
	}()
	select {
	case c := <-called:
		return c
	case <-m.gone:
		m.fatal("qemu has ended")
	case <-time.After(bootWithin):
		m.fatal("no call from the guest within %v", bootWithin)
	}
	return nil
}

// off hangs up, which switches the machine off, and makes sure of it.
func (m *machine) off(cmd *exec.Cmd) {
	if m.guest != nil {
		_ = m.guest.Close() // it may have gone first
	}
	select {
	case <-m.gone:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-m.gone
	}
}

// call asks the guest for something.
func (m *machine) call(method string, arg, answer any) error {
	call := m.guest.Go(Service+"."+method, arg, answer, make(chan *rpc.Call, 1))
	late := time.NewTimer(endurance)
	defer late.Stop()
	select {
	case <-call.Done:
		return call.Error
	case <-late.C:
		return fmt.Errorf("no answer to %s within %v", method, endurance)
	}
}

// must is call that has to succeed.
func (m *machine) must(method string, arg, answer any) {
	m.t.Helper()
	if err := m.call(method, arg, answer); err != nil {
		m.fatal("%s: %v", method, err)
	}
}

// uptime is what the guest's clock says.
func (m *machine) uptime() (up time.Duration) {
	m.t.Helper()
	m.must("Uptime", struct{}{}, &up)
	return up
}

// waiting returns a function that says when it is no use to wait any longer.
func (m *machine) waiting() (inVain func() bool) {
	m.t.Helper()
	start, up := time.Now(), m.uptime()
	return func() bool {
		m.t.Helper()
		waited := time.Since(start)
		return waited > endurance || waited > patience && m.uptime()-up > patience
	}
}

// within looks until something is as it should be.
func (m *machine) within(what string, look func() bool) {
	m.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for inVain := m.waiting(); !look(); <-tick.C {
		if inVain() {
			m.fatal("in vain: %s", what)
		}
	}
}
