package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"quhao/internal/hwtest"
)

// bank is the chip of GPIO lines that gpio-sim makes, and the keys of the matrix keypad that matrix_sim makes.
// Origin of gpio-sim's files: Documentation/admin-guide/gpio/gpio-sim.rst.
type bank struct {
	mu    sync.Mutex
	lines map[string]contact
}

// contact is something that can be moved.
type contact interface{ set(high bool) error }

// simulated is a line of the chip.
type simulated struct {
	pull *os.File // what a contact writes to
}

// matrixKeys is where the keys of the keypad are pressed.
const matrixKeys = "/sys/devices/platform/matrix-sim/keys"

// matrix are the keys that are down, a bit for each.
type matrix struct {
	down uint
	file *os.File
}

// key is one of them.
type key struct {
	of  *matrix
	bit uint
}

// set lets the key go, or presses it.
func (k key) set(high bool) error {
	k.of.down |= k.bit
	if high {
		k.of.down &^= k.bit
	}
	_, err := k.of.file.WriteAt(fmt.Append(nil, k.of.down), 0)
	return err
}

const gpioSim = "/sys/kernel/config/gpio-sim/quhao"

func newBank() *bank { return &bank{lines: map[string]contact{}} }

// Lines makes a chip with lines of these names, all pulled up, in place of the one before.
func (g *guest) Lines(names []string, _ *struct{}) error {
	return g.gpio.make(names)
}

func (b *bank) make(names []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) > 0 {
		return errors.New("the chip is made already")
	}
	for i, name := range names {
		dir := fmt.Sprintf("%s/bank0/line%d", gpioSim, i)
		if i == 0 {
			if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
				return err
			}
			if err := put(filepath.Dir(dir)+"/num_lines", strconv.Itoa(len(names))); err != nil {
				return err
			}
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := put(dir+"/name", name); err != nil {
			return err
		}
	}
	if err := put(gpioSim+"/live", "1"); err != nil {
		return err
	}
	return b.open(names)
}

// open opens the files of all lines and of the keypad.
func (b *bank) open(names []string) error {
	device, err := os.ReadFile(gpioSim + "/dev_name")
	if err != nil {
		return err
	}
	chip, err := os.ReadFile(gpioSim + "/bank0/chip_name")
	if err != nil {
		return err
	}
	dir := filepath.Join("/sys/devices/platform", strings.TrimSpace(string(device)), strings.TrimSpace(string(chip)))
	for i, name := range names {
		at := filepath.Join(dir, fmt.Sprintf("sim_gpio%d", i))
		pull, err := os.OpenFile(at+"/pull", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		b.lines[name] = &simulated{pull: pull}
		if err := b.lines[name].set(true); err != nil {
			return err
		}
	}
	pad, err := os.OpenFile(matrixKeys, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	m := &matrix{file: pad}
	for i := range hwtest.MatrixSize * hwtest.MatrixSize {
		b.lines[hwtest.MatrixKey(i/hwtest.MatrixSize+1, i%hwtest.MatrixSize+1)] = key{m, 1 << i}
	}
	return nil
}

func put(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

// set pulls the line up or down.
func (s *simulated) set(high bool) error {
	word := "pull-down"
	if high {
		word = "pull-up"
	}
	_, err := s.pull.WriteAt([]byte(word), 0)
	return err
}

// Play moves lines, one step after the other.
func (g *guest) Play(steps []hwtest.Step, out *hwtest.Played) error {
	g.gpio.mu.Lock()
	defer g.gpio.mu.Unlock()
	begun := time.Now()
	last := begun
	for i, s := range steps {
		l, ok := g.gpio.lines[s.Line]
		if !ok {
			return fmt.Errorf("there is no line %s", s.Line)
		}
		start := time.Now()
		if err := l.set(s.High); err != nil {
			return err
		}
		if i > 0 { // from before the last line was moved until this one has moved
			out.Late = max(out.Late, time.Since(last)-steps[i-1].Then)
		}
		last = start
		out.Stall = max(out.Stall, waitUntil(start.Add(s.Then)))
	}
	out.Took = time.Since(begun)
	return nil
}

// waitUntil waits for a moment: asleep while it is far, busily at the end, because a sleep can last a millisecond longer.
// It sleeps in naps and returns by how much the longest was too long.
func waitUntil(at time.Time) (stall time.Duration) {
	const busy, nap = 2 * time.Millisecond, 5 * time.Millisecond
	for far := time.Until(at) - busy; far > 0; far = time.Until(at) - busy {
		asleep := time.Now()
		time.Sleep(min(far, nap))
		stall = max(stall, time.Since(asleep)-min(far, nap))
	}
	for time.Now().Before(at) {
		_ = unix.Gettid() // a call that gives the scheduler its chance
	}
	return stall
}
