package port

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	_ "periph.io/x/host/v3/gpioioctl" // the kernel's own interface, the same on every board; periph's board drivers go round it
)

// The times of a contact.
const (
	// settle is how long a line must not move before its level counts. Contacts bounce for up to 10 ms, when they
	// close and when they open: without it the release of a key held for long would look like another press.
	settle = 20 * time.Millisecond
	// lookEvery bounds how long an edge is waited for, and so how late an edge that was missed is seen.
	lookEvery = readTimeout
	// restless is how long a line may go on moving: then it is no key, and its wire is loose.
	restless = time.Second
)

// contact is what is needed of a GPIO line.
type contact interface {
	Name() string
	In(pull gpio.Pull, edge gpio.Edge) error
	Read() gpio.Level
	WaitForEdge(timeout time.Duration) bool
}

// openGPIO takes GPIO lines by their names, as the kernel knows them (gpioinfo lists them): a number is another
// line on another board. A program that runs as a user needs the group gpio.
func openGPIO(_ context.Context, o Options) (*Line, error) {
	state, err := driverreg.Init()
	if err != nil {
		return nil, fmt.Errorf("start periph: %w", err)
	}
	find := func(name string) (contact, error) {
		if p := gpioreg.ByName(name); p != nil {
			return p, nil
		}
		return nil, noLine(name, state)
	}
	if o.Rows != "" {
		return newMatrix(o, find)
	}
	return newGPIO(o, find)
}

// noLine says that there is no such line, and which drivers failed: periph itself reports that as success.
func noLine(name string, state *driverreg.State) error {
	err := fmt.Errorf("no GPIO line has the name %s: %w", name, os.ErrNotExist)
	var why []string
	for _, f := range state.Failed {
		why = append(why, f.String())
	}
	if len(why) > 0 {
		err = fmt.Errorf("%w (periph's drivers that failed: %s)", err, strings.Join(why, "; "))
	}
	return err
}

// newGPIO makes one line of all contacts: it reads as text, "GPIO17 low\n" for each change of a level that has
// settled. The level at the start is no change: a key that is held then counts when it is pressed again.
func newGPIO(o Options, find func(name string) (contact, error)) (*Line, error) {
	pull := gpio.Float
	switch o.Pull {
	case Up:
		pull = gpio.PullUp
	case Down:
		pull = gpio.PullDown
	}
	var all []contact
	for _, name := range strings.Fields(o.GPIO) {
		c, err := find(name)
		if err == nil {
			all = append(all, c)
			err = c.In(pull, gpio.BothEdges)
		}
		if errors.Is(err, unix.EBUSY) {
			err = ErrInUse
		}
		if err != nil {
			giveBack(all)
			return nil, fmt.Errorf("line %s: %w", name, err)
		}
	}
	var out outlet = mute{}
	back := all
	if o.Lamps != "" {
		l, err := newLamps(o.Lamps, find)
		if err != nil {
			giveBack(all)
			return nil, err
		}
		out, back = l, append(back, l.contacts()...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &contacts{back: back, changes: make(chan string), failed: make(chan error, len(all)), ctx: ctx, cancel: cancel}
	for _, c := range all {
		level := c.Read()
		k.running.Go(func() {
			if err := k.watch(c, level); err != nil {
				k.failed <- err
			}
		})
	}
	return &Line{name: o.GPIO, in: k, out: out, stuck: o.StuckAfter}, nil
}

// contacts reads the changes of several contacts.
type contacts struct {
	back    []contact // to be given back at the end
	changes chan string
	failed  chan error
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	rest    string // not yet handed out
}

// watch tells each level that differs from the one before, until the end. It looks at the level even if no edge was
// seen, because edges can be lost.
func (k *contacts) watch(c contact, level gpio.Level) error {
	for w := (watched{contact: c}); k.ctx.Err() == nil; {
		edge, err := w.moved(lookEvery)
		if err != nil {
			return err
		}
		if !edge && c.Read() == level {
			continue
		}
		now, rests, err := w.rest(k.ctx)
		if err != nil {
			return err
		}
		if !rests || now == level {
			continue
		}
		level = now
		word := "low"
		if level == gpio.High {
			word = "high"
		}
		select {
		case k.changes <- c.Name() + " " + word + "\n":
		case <-k.ctx.Done():
		}
	}
	return nil
}

// maxHasty is how many waits in a row may end too early.
const maxHasty = 5

// watched is a contact while it is watched.
type watched struct {
	contact
	hasty int // waits in a row that ended too early
}

// moved waits for an edge. The wait is never 0 or -1: periph's drivers do not agree on what these mean.
// An error of the line looks like a time-out that comes too early; several in a row are returned as an error.
func (w *watched) moved(within time.Duration) (bool, error) {
	start := time.Now()
	edge := w.WaitForEdge(within)
	if w.hasty++; edge || time.Since(start) >= within/4 {
		w.hasty = 0
	}
	if w.hasty >= maxHasty {
		return false, fmt.Errorf("line %s: waiting for an edge ends at once", w.Name())
	}
	return edge, nil
}

// rest waits until the line has settled at a level. Neither silence nor a look is enough for that by itself:
// an edge can be lost, and a look can fall into a spike that a long wire has picked up.
func (w *watched) rest(ctx context.Context) (level gpio.Level, rests bool, err error) {
	for until := time.Now().Add(restless); time.Now().Before(until) && ctx.Err() == nil; {
		level = w.Read()
		edge, err := w.moved(settle)
		if err != nil {
			return level, false, err
		}
		if !edge && w.hasty == 0 && w.Read() == level {
			return level, true, nil
		}
	}
	return level, false, nil
}

// Read waits up to 100 ms for a change.
func (k *contacts) Read(p []byte) (int, error) {
	if k.rest == "" {
		late := time.NewTimer(readTimeout)
		defer late.Stop()
		select {
		case k.rest = <-k.changes:
		case err := <-k.failed:
			k.failed <- err // for the next read; there is room, its sender has ended
			return 0, err
		case <-k.ctx.Done():
			return 0, os.ErrClosed
		case <-late.C:
			return 0, os.ErrDeadlineExceeded
		}
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

// Close ends the watching, within 100 ms, and gives the lines back.
func (k *contacts) Close() error {
	k.cancel()
	k.running.Wait()
	giveBack(k.back)
	return nil
}

// giveBack lets go of lines, so that another program can take them. periph's interface has no word for it.
func giveBack(all []contact) {
	for _, c := range all {
		var line any = c
		if alias, ok := line.(gpio.RealPin); ok {
			line = alias.Real()
		}
		if closer, ok := line.(interface{ Close() }); ok {
			closer.Close()
		}
	}
}

// mute is the outlet of a line to which nothing can be written.
type mute struct{}

func (mute) Write([]byte) (int, error)             { return 0, errors.ErrUnsupported }
func (mute) Close() error                          { return nil }
func (mute) SetWriteDeadline(time.Time) error      { return nil }
func (mute) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }
