package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// demoWithin is what a morning of 40 visitors may take.
const demoWithin = 60 * time.Second

// hall runs the virtual hall to its end and returns what it said.
func hall(t *testing.T, within time.Duration, stdin io.Reader, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	args = append([]string{
		"-bin", os.Getenv(binEnv), "-config", filepath.Join("..", "..", "configs", "hall"),
		"-data", filepath.Join(t.TempDir(), "hall"), "-mqtt", "127.0.0.1:0", "-http", "127.0.0.1:0",
	}, args...)
	cmd := exec.CommandContext(ctx, bin("hall"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// demo lets a morning pass and wants its books to agree.
func demo(t *testing.T, args ...string) string {
	t.Helper()
	start := time.Now()
	out, err := hall(t, 3*demoWithin, nil, append([]string{"-demo", "-visitors", "40"}, args...)...)
	if err != nil {
		t.Fatalf("hall -demo: %v\n%s", err, out)
	}
	if took := time.Since(start); took > demoWithin {
		t.Errorf("the demo took %s, allowed are %s", took.Round(time.Second), demoWithin)
	}
	for _, want := range []string{"everything agrees", "the log is whole", "tapped again and has", "is parked", "is no_show", "rated"} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo never says %q:\n%s", want, out)
		}
	}
	_, table, _ := strings.Cut(out, "the morning is over")
	t.Logf("40 visitors in %s:%s", time.Since(start).Round(time.Second), table)
	return out
}

// TestDemo: 40 visitors, 3 departments, 4 counters, unattended; what people and twins saw is what the database holds.
func TestDemo(t *testing.T) { demo(t) }

// TestDemoWithKill: the same with kill -9 of the daemon in the middle.
func TestDemoWithKill(t *testing.T) {
	if out := demo(t, "-kill", "-seed", "2"); !strings.Contains(out, "quhaod has ended (signal: killed) and is started again") {
		t.Errorf("the daemon was not killed:\n%s", out)
	}
}

// TestHallByHand: tap, call and rate from the terminal, and the wish to leave.
func TestHallByHand(t *testing.T) {
	script := strings.Join([]string{
		"tap 20260001 kiosk-1", "key 1 kiosk-1", "key 2 kiosk-2", "", "next 1", "start 1", "done 1", "rate 1 5",
		"next 3", "start 3", "done 3", "rate 3 4", "paper out kiosk-1", "paper in kiosk-1", "cut kiosk-2-printer", "plug kiosk-2-printer",
		"cut kiosk-1", "key 3 kiosk-1", "key 2 kiosk-1", "key 3 kiosk-1", "wait 1", "plug kiosk-1", "wait 4", "next 4", "start 4", "wait 1", "next 4", "cables",
		"kill nobody", "rubbish", "help", "quit",
	}, "\n")
	out, err := hall(t, demoWithin, strings.NewReader(script+"\n"))
	if err != nil {
		t.Fatalf("hall: %v\n%s", err, out)
	}
	for _, want := range []string{
		"kiosk-1 has printed A001", "kiosk-2 has printed B001", "counter 1 shows 1 in red", "counter 1 shows 1 in green",
		"counter 3 shows 请B001号办理 (blinking)", "counter 3 shows 正在办理B001", "counter 3 shows 谢谢评价",
		"离线取号，按取号时间排队", "kiosk-1 has printed CX01", "kiosk-1 打印了 CX03", "counter 4 shows 请CX01号办理", "4 号窗口屏显示 请CX03号办理（闪烁）", "kiosk-2            网线",
		"there is no program \"nobody\"", "\"rubbish\" is not understood", "叫下一位", "call the next visitor",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the hall never says %q", want)
		}
	}
	if t.Failed() {
		t.Logf("it says:\n%s", out)
	}
}

// TestHallLeavesNothing: Ctrl-C ends the hall in order, with every program it started; a second hall on the same port is
// told which port is taken and what to do.
func TestHallLeavesNothing(t *testing.T) {
	addr := freePort(t)
	data := filepath.Join(t.TempDir(), "hall")
	cmd := exec.CommandContext(t.Context(), bin("hall"), "-bin", os.Getenv(binEnv), "-config", filepath.Join("..", "..", "configs", "hall"),
		"-data", data, "-mqtt", addr, "-http", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe() // stays open: the hall waits for commands
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	said := &watched{word: "the hall is open", seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-said.seen:
	case err := <-ended:
		t.Fatalf("the hall does not open: %v\n%s", err, said)
	}
	if n := len(running(t, data)); n != 7 {
		t.Errorf("%d programs run on the hall's folder, want 7", n)
	}
	out, err := hall(t, demoWithin, nil, "-mqtt", addr)
	if !regexp.MustCompile(regexp.QuoteMeta(addr)+` is taken .*-mqtt`).MatchString(out) || err == nil || cmdCode(err) != 3 {
		t.Errorf("a second hall on %s: %v\n%s", addr, err, out)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after Ctrl-C: %v\n%s", err, said)
		}
	case <-time.After(demoWithin):
		t.Fatal("the hall does not end after Ctrl-C")
	}
	if left := running(t, data); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	links, err := filepath.Glob(filepath.Join(data, "*", "ports", "*"))
	if err != nil || len(links) > 0 {
		t.Errorf("cables left behind: %q, %v", links, err)
	}
}

// cmdCode is the exit code behind an error, -1 if there is none.
func cmdCode(err error) int {
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return -1
	}
	return e.ExitCode()
}

// running lists the programs other than the hall itself that were started with a path under dir.
func running(t *testing.T, dir string) (out []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		words := strings.Split(string(b), "\x00")
		if bytes.Contains(b, []byte(dir+string(filepath.Separator))) && filepath.Base(words[0]) != "hall" {
			out = append(out, strings.Join(words, " "))
		}
	}
	return out
}

// watched keeps what is written to it and tells when a word was seen.
type watched struct {
	word string
	seen chan struct{}

	mu   sync.Mutex
	text strings.Builder
	told bool
}

// Write implements io.Writer.
func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	if !w.told && strings.Contains(w.text.String(), w.word) {
		w.told = true
		close(w.seen)
	}
	return len(b), nil
}

// String is all that was written.
func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
