package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	restartAfter = 200 * time.Millisecond  // in the demo, which has no time to lose
	restartSeen  = 1500 * time.Millisecond // with people in the hall: so long that they see what a loss looks like
	leaveWithin  = 5 * time.Second         // of a program that was asked to end; then it is killed
	maxDeaths    = 5                       // so many within deathsWithin: it makes no sense to start it again
	deathsWithin = 10 * time.Second
	tailLines    = 12
)

// program is one of the centre's programs as a process of its own, started again when it dies, as systemd would.
type program struct {
	name string
	path string
	args []string
	log  string // its standard error and output are appended here
	out  *voice
	rest time.Duration // before it is started again

	cancel context.CancelFunc
	ended  chan struct{} // closed when run has returned; then err is set
	err    error

	settled atomic.Bool // it has been seen to work: from now on it is started again when it dies

	mu     sync.Mutex
	proc   *os.Process // nil while it does not run
	starts int
	killed bool // by a person: no reason to give it up
	off    bool // switched off by a person: not started again until it is switched on
	bell   bell // rung when it is switched on
}

// start begins to run the program; stop ends it. gaveUp is told if it cannot be kept alive.
func (p *program) start(gaveUp func(error)) {
	ctx, cancel := context.WithCancel(context.Background()) // stop alone ends it: the order of leaving is the hall's
	p.cancel, p.ended = cancel, make(chan struct{})
	go func() {
		defer close(p.ended)
		if p.err = p.run(ctx); p.err != nil {
			gaveUp(p.err)
		}
	}()
}

// stop asks the program to end, and kills it if it does not. Twice is as good as once.
func (p *program) stop() {
	p.cancel()
	<-p.ended
}

// kill is kill -9: the program gets no chance to say good-bye. It will be started again.
func (p *program) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proc == nil {
		return no("%s does not run at the moment", "%s 此刻没有运行", p.name)
	}
	p.killed = true
	return p.proc.Kill()
}

// turnOff asks the program to end; it stays away until turnOn.
func (p *program) turnOff() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off {
		return no("%s is switched off already", "%s 已经关闭", p.name)
	}
	p.off, p.killed = true, true
	if p.proc == nil {
		return nil // it is about to be started again, and now will not be
	}
	return p.proc.Signal(syscall.SIGTERM)
}

// turnOn starts a program that was switched off.
func (p *program) turnOn() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.off {
		return no("%s is switched on", "%s 没有关闭", p.name)
	}
	p.off = false
	p.bell.ring()
	return nil
}

// isOff says whether the program was switched off.
func (p *program) isOff() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.off
}

// awaitOn waits until the program is switched on, or ctx ends.
func (p *program) awaitOn(ctx context.Context) {
	for {
		rung := p.bell.next()
		if !p.isOff() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-rung:
		}
	}
}

// wasKilled says whether the last end was one by kill, once.
func (p *program) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.killed
	p.killed = false
	return was
}

// run keeps the program alive until ctx ends.
func (p *program) run(ctx context.Context) error {
	log, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	var deaths []time.Time
	for {
		err := p.once(ctx, log)
		if ctx.Err() != nil {
			return nil
		}
		if !p.settled.Load() {
			return fmt.Errorf("%s does not start (%w); its last words were:\n%s", p.name, err, tail(p.log))
		}
		now := time.Now()
		if !p.wasKilled() {
			deaths = append(deaths, now)
		}
		if n := len(deaths); n >= maxDeaths && now.Sub(deaths[n-maxDeaths]) < deathsWithin {
			return fmt.Errorf("%s ended %d times within %s (%w); its last words were:\n%s", p.name, maxDeaths, deathsWithin, err, tail(p.log))
		}
		if p.isOff() {
			p.out.event("%s 已关闭", "%s is switched off", p.name)
			p.awaitOn(ctx)
			if ctx.Err() != nil {
				return nil // the hall closes while it is off
			}
			p.out.event("%s 已启动", "%s is switched on", p.name)
		} else {
			p.out.event("%s 已结束（%v），正在重新启动", "%s has ended (%v) and is started again", p.name, err)
			if pause(ctx, p.rest) == nil {
				p.awaitOn(ctx)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// once runs the program until it ends or ctx does. It always returns why.
func (p *program) once(ctx context.Context, log *os.File) error {
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = leaveWithin
	// Ctrl-C at the terminal is for the hall alone, which ends its programs in order; should it be killed itself,
	// nothing of it stays behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.is(cmd.Process)
	err := cmd.Wait()
	p.is(nil)
	if err == nil {
		err = errors.New("without an error")
	}
	return err
}

func (p *program) is(proc *os.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proc = proc; proc != nil {
		p.starts++
	}
}

// status is the number of its process, 0 while it does not run, and how often it was started so far.
func (p *program) status() (pid, starts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proc != nil {
		pid = p.proc.Pid
	}
	return pid, p.starts
}

// tail returns the last lines of a log.
func tail(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}

// ask runs a command of quhaod to its end and returns what it says.
func ask(ctx context.Context, bin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "quhaod"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("quhaod %s: %w %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}
