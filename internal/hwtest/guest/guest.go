package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"quhao/internal/hwtest"
)

// guest is what the harness can ask for. Its exported methods are those of net/rpc: argument, answer, error.
type guest struct {
	links *links
	gpio  *bank
	class classPrinter

	mu       sync.Mutex
	programs []*program
}

func newGuest(l *links) *guest { return &guest{links: l, gpio: newBank()} }

// program is a started program, or a reader, with what it has written.
type program struct {
	cmd  *exec.Cmd
	stop func() // of a reader, which has no cmd

	mu      sync.Mutex
	text    []byte
	ended   bool
	how     string
	changed chan struct{} // closed and made anew whenever there is something new
}

// Write implements io.Writer, for the program's outputs.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b...)
	p.wake()
	return len(b), nil
}

// wake tells those who wait. The lock is held.
func (p *program) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// end takes note of the end.
func (p *program) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if err != nil {
		p.how = err.Error()
	}
	p.wake()
}

// said returns what there is behind the first n bytes, and a channel that is closed when there is more.
func (p *program) said(n int) (hwtest.Said, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return hwtest.Said{Text: string(p.text[min(n, len(p.text)):]), Ended: p.ended, How: p.how}, p.changed
}

// Start starts a program; the answer is its ID.
func (g *guest) Start(c hwtest.Command, id *int) error {
	p := &program{cmd: exec.Command(filepath.Join(hwtest.Programs, c.Name), c.Args...), changed: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() { p.end(p.cmd.Wait()) }()
	*id = g.add(p)
	return nil
}

func (g *guest) add(p *program) (id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.programs = append(g.programs, p)
	return len(g.programs) - 1
}

func (g *guest) program(id int) (*program, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if id < 0 || id >= len(g.programs) {
		return nil, fmt.Errorf("there is no program %d", id)
	}
	return g.programs[id], nil
}

// Output answers what a program has written, as soon as there is something new, it has ended, or the time is over.
func (g *guest) Output(a hwtest.Ask, out *hwtest.Said) error {
	p, err := g.program(a.ID)
	if err != nil {
		return err
	}
	late := time.NewTimer(a.Wait)
	defer late.Stop()
	for {
		said, more := p.said(a.From)
		if *out = said; said.Text != "" || said.Ended {
			return nil
		}
		select {
		case <-more:
		case <-late.C:
			return nil
		}
	}
}

// Signal sends a signal to a program that may have ended already; any signal ends a reader.
func (g *guest) Signal(k hwtest.Kill, _ *struct{}) error {
	p, err := g.program(k.ID)
	if err != nil {
		return err
	}
	if p.cmd == nil {
		p.stop()
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.Signal(k.Signal)); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Held answers what a running program holds.
func (g *guest) Held(id int, out *hwtest.Held) error {
	p, err := g.program(id)
	if err != nil {
		return err
	}
	if p.cmd == nil {
		return errors.New("a reader is no process")
	}
	dir := fmt.Sprintf("/proc/%d", p.cmd.Process.Pid)
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return err
	}
	for _, fd := range fds {
		to, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		out.Files = append(out.Files, to)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "Threads: %d", &out.Threads) // any other line
		_, _ = fmt.Sscanf(line, "VmRSS: %d", &out.RSS)
	}
	return nil
}

// Write makes a file and its folder.
func (g *guest) Write(f hwtest.File, _ *struct{}) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(f.Path, []byte(f.Text), 0o600)
}

// Read answers the text of a file.
func (g *guest) Read(path string, text *string) error {
	b, err := os.ReadFile(path)
	*text = string(b)
	return err
}

// Glob answers the names that match a pattern.
func (g *guest) Glob(pattern string, names *[]string) (err error) {
	*names, err = filepath.Glob(pattern)
	return err
}

// Uptime answers for how long the guest has been running, by its own clock: a busy host makes it slow.
func (g *guest) Uptime(_ struct{}, up *time.Duration) error {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	*up = time.Duration(t.Nano())
	return err
}

// Get answers a page of the guest.
func (g *guest) Get(url string, text *string) error {
	res, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	*text = string(b)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return err
}

// Links answers the lasting names of what is plugged in, as udev would give them, with their targets.
func (g *guest) Links(_ struct{}, out *map[string]string) error {
	*out = g.links.all()
	return nil
}
