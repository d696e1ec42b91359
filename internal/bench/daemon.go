package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startWithin bounds the start of a program. A database of ten million tickets is checked for a while.
const startWithin = 5 * time.Minute

// program is a program of ours that runs.
type program struct {
	cmd   *exec.Cmd
	began time.Time
	gone  chan struct{} // closed when it has ended

	mu    sync.Mutex
	log   []string
	fresh chan struct{} // closed and made anew at each line
	over  bool          // its output has ended
}

// start starts a program whose standard error is its log. Should this program die, that one does as well.
func start(name string, args ...string) (*program, error) {
	p := &program{cmd: exec.Command(name, args...), gone: make(chan struct{}), fresh: make(chan struct{})}
	// A group of its own: strace keeps a signal to itself, and the program that it runs would never hear of it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.listen(out)
	return p, nil
}

// listen keeps the lines of the log until the program has closed it, and then waits for its end.
func (p *program) listen(out io.Reader) {
	defer close(p.gone)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.line(lines.Text(), false)
	}
	p.line("", true)
	_ = p.cmd.Wait() // how it ended is seen in its log, or by who waits for it
}

func (p *program) line(s string, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, s)
	p.over = over
	close(p.fresh)
	p.fresh = make(chan struct{})
}

// await waits for a line of the log that matches, and returns its groups and when it came.
func (p *program) await(re *regexp.Regexp) (groups []string, at time.Time, err error) {
	late := time.NewTimer(startWithin)
	defer late.Stop()
	for seen := 0; ; {
		p.mu.Lock()
		log, fresh, over := p.log[seen:], p.fresh, p.over
		p.mu.Unlock()
		for _, s := range log {
			if m := re.FindStringSubmatch(s); m != nil {
				return m, time.Now(), nil
			}
		}
		if seen += len(log); over {
			return nil, time.Now(), fmt.Errorf("%s has ended without saying %s:\n%s", p.cmd.Path, re, p.said())
		}
		select {
		case <-fresh:
		case <-late.C:
			return nil, time.Now(), fmt.Errorf("%s never says %s:\n%s", p.cmd.Path, re, p.said())
		}
	}
}

// said is the end of the log.
func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log[max(0, len(p.log)-10):], "\n")
}

// stop asks the program to end and waits; one that does not listen is killed.
func (p *program) stop() error {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended meanwhile
		<-p.gone
		return fmt.Errorf("%s did not end when asked to", p.cmd.Path)
	}
}

// resident is the memory of a process in bytes: VmRSS of /proc/PID/status (proc(5)).
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`).FindSubmatch(b)
	if m == nil {
		return 0, fmt.Errorf("process %d has no VmRSS", pid)
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kb << 10, err
}

// daemon is quhaod on a centre of its own.
type daemon struct {
	*program
	*centre
	bin, data, addr string
}

// ready is the line by which quhaod says where it listens.
func ready() *regexp.Regexp { return regexp.MustCompile(`msg=ready mqtt=(\S+) http=`) }

// run starts quhaod on a centre. before is a program that it is run by, such as strace with its flags; empty for none.
func (c *centre) run(bin, data string, before ...string) (*daemon, error) {
	words := append(before, bin, "run", "-config", c.dir, "-data", data, "-mqtt", "127.0.0.1:0", "-http", "127.0.0.1:0")
	p, err := start(words[0], words[1:]...)
	if err != nil {
		return nil, err
	}
	m, _, err := p.await(ready())
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &daemon{program: p, centre: c, bin: bin, data: data, addr: m[1]}, nil
}

// tell runs a command of quhaod on the running daemon.
func (d *daemon) tell(words ...string) error {
	out, err := exec.Command(d.bin, append(words, "-data", d.data)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("quhaod %s: %w: %s", strings.Join(words, " "), err, out)
	}
	return nil
}

// fresh makes a centre in a new folder and runs quhaod on it.
func (b *bench) fresh(name string, kiosks, units int) (*daemon, error) {
	return b.freshOf(b.program("quhaod"), name, kiosks, units)
}

// freshOf is fresh with a program of one's own, and with one that it is run by.
func (b *bench) freshOf(bin, name string, kiosks, units int, before ...string) (*daemon, error) {
	c, data, err := b.newCentre(name, kiosks, units)
	if err != nil {
		return nil, err
	}
	return c.run(bin, data, before...)
}

// newCentre makes a centre in a new folder, and says where its data are to be.
func (b *bench) newCentre(name string, kiosks, units int) (c *centre, data string, err error) {
	data = filepath.Join(b.dir, name, "data")
	c, err = newCentre(filepath.Join(b.dir, name, "config"), data, kiosks, units)
	return c, data, err
}
