// Package controller is the one writer: it takes commands and messages one after another, decides them by the rules,
// commits what was decided in one transaction, and only then answers and publishes.
package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// Store keeps the events. Append is one transaction: when it returns nil all of it is durable, otherwise nothing is there.
type Store interface {
	Load(apply func(queue.Event) error) error
	Append(events []queue.Event, tickets []queue.Ticket, visits []queue.Visit) error
	// ByRequest finds what a request has caused, however long ago.
	ByRequest(ctx context.Context, id queue.RequestID) (e queue.Event, found bool, err error)
}

// Publisher hands a message to the broker. It does not wait for the network; an error means the message is lost,
// which is no harm: states are published again, answers are asked for again.
type Publisher interface {
	Publish(m proto.Message) error
}

// Keys keeps the day's key for hashing cards; the key of a closed day is gone for ever.
type Keys interface {
	Key(day queue.Day) ([]byte, error)
	Forget() error
}

// Options are what a controller works with.
type Options struct {
	Config    *config.Config
	Store     Store
	Publisher Publisher
	Keys      Keys
	Random    func() string           // a new random name
	Where     func(dev string) string // the address of a device that is connected, host:port, or ""; nil if the broker does not tell
	Log       *slog.Logger
	// Clock is the time at which a word leaves, later than its batch's by the commit: devices set their clocks by it. nil: the
	// batch's time.
	Clock func() time.Time
	// Tight says that the disk of the store is full but for what was kept in reserve: no numbers are given. nil: never.
	Tight func() bool
}

const (
	maxBatch     = 512 // commands in one transaction
	ctlEvery     = 5 * time.Second
	stateEvery   = time.Minute
	probeEvery   = time.Second
	jumpAlarm    = 5 * time.Minute
	epochAlarm   = 1 << 20
	maxEpoch     = 1 << 53         // what every reader of JSON can count to
	resendStates = 2 * time.Second // a display that is so long behind is told again
)

// ErrFaulted is the answer to every command while the store cannot be written.
var ErrFaulted = errors.New("the controller cannot write its database: nothing is issued until it can")

// Controller is the centre. All of its state belongs to the goroutine that calls Handle; Run is that goroutine in the daemon,
// the simulator calls Handle itself.
type Controller struct {
	o      Options
	rules  *queue.Rules
	topics proto.Topics
	boot   proto.Boot
	log    *slog.Logger

	state   *queue.State
	epoch   uint64      // of the state, as committed: no other is ever said
	faulted error       // why nothing can be written; nil if all is well
	aside   *AsideError // another controller has taken our place; nil as long as none has
	noted   bool        // and the log says so
	ahead   bool        // the state holds what the database may not hold
	// doubt is set once a commit has failed: from then on each request is looked up in the whole log before it is decided.
	// The state knows the ids of two days, the log refuses an older one by a constraint, and no device repeats one after
	// days; so the look-up, which costs a tenth of a tap, waits until that constraint may have spoken.
	doubt    bool
	sessions map[string]*session
	devices  map[string]*deviceView
	officers []config.Officer
	calls    *calls
	count    map[string]uint64

	published map[string]published // per counter
	hallVer   proto.Ver
	ctlAt     time.Time
	statesAt  time.Time
	probeAt   time.Time
	lastNow   time.Time

	issued   map[queue.DeptID]int // highest numbers that devices say they have seen
	handedIn map[string]handed    // what kiosks have said of their papers since the start

	orders map[proto.ID]order // that somebody waits for

	inputs chan Input
}

// published is what was last said of a counter.
type published struct {
	at   proto.At
	when time.Time
}

// Input is one thing for the controller to do: exactly one of Message, Do and View is set.
type Input struct {
	Dev     string         // who sent Message
	Message *proto.Message // from a device
	Do      *queue.Command
	Reply   func(Result, error) // answers Do, after the commit
	View    func(View)          // looks at the state between two commands
}

// Result is the answer to a command of Do.
type Result struct {
	Answer queue.Answer
	Ticket queue.Ticket // for Take: the ticket
}

// New loads the state from the store, raises the epoch, and commits that before anything is said.
func New(o Options, now time.Time) (*Controller, error) {
	c := &Controller{
		o: o, rules: Rules(o.Config.Centre), topics: proto.NewTopics(o.Config.Centre.Prefix), boot: proto.Boot(o.Random()),
		log: o.Log, officers: o.Config.Centre.Officers, count: map[string]uint64{},
		devices: deviceViews(o.Config.Devices), lastNow: now, inputs: make(chan Input, maxBatch),
		sessions: map[string]*session{}, published: map[string]published{},
		issued: map[queue.DeptID]int{}, handedIn: map[string]handed{}, orders: map[proto.ID]order{},
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	if err := c.raise("start", now); err != nil {
		return nil, fmt.Errorf("commit the first event of this start: %w", err)
	}
	return c, nil
}

// load builds the state anew from the store. If that fails, the old one stays.
func (c *Controller) load() error {
	state, calls := queue.New(), &calls{dept: map[queue.DeptID][]call{}}
	err := c.o.Store.Load(func(e queue.Event) error {
		_, err := state.Apply(e)
		if err == nil {
			calls.note(c.rules, state, e)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	c.state, c.calls, c.ahead = state, calls, false
	return nil
}

// raise commits a higher epoch, on its own.
func (c *Controller) raise(why string, now time.Time) error {
	b := c.begin(now)
	c.ahead = true
	if _, no := b.decide(queue.Command{Actor: "controller", Do: queue.RaiseEpoch{Boot: string(c.boot), Why: why}}); no != nil {
		return no
	}
	if err := b.commit(); err != nil {
		return err
	}
	c.ahead, c.epoch = false, c.state.Epoch
	return nil
}

// Run takes what comes until ctx ends: what waits is decided and committed together, nothing waits for a timer.
func (c *Controller) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var batch []Input
		select {
		case <-ctx.Done():
			c.goodbye()
			return ctx.Err()
		case in := <-c.inputs:
			batch = c.drain(append(batch, in))
		case <-timer.C:
		}
		now := time.Now()
		c.Handle(now, batch)
		timer.Reset(max(0, time.Until(c.Due(now))))
	}
}

func (c *Controller) drain(batch []Input) []Input {
	for len(batch) < maxBatch {
		select {
		case in := <-c.inputs:
			batch = append(batch, in)
		default:
			return batch
		}
	}
	return batch
}

// Message gives the controller a device's message; it waits while the controller is busy.
func (c *Controller) Message(ctx context.Context, dev string, m proto.Message) {
	select {
	case c.inputs <- Input{Dev: dev, Message: &m}:
		if len(c.inputs) == 0 { // it waited for this one: let it begin here, where it is awake; the acknowledgement can wait
			runtime.Gosched()
		}
	case <-ctx.Done():
	}
}

// Do carries out a command and returns its answer after the commit. The error is a *queue.Refusal, ErrFaulted, or of ctx.
func (c *Controller) Do(ctx context.Context, cmd queue.Command) (Result, error) {
	type answer struct {
		r   Result
		err error
	}
	ch := make(chan answer, 1)
	in := Input{Do: &cmd, Reply: func(r Result, err error) { ch <- answer{r, err} }}
	select {
	case c.inputs <- in:
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	select {
	case a := <-ch:
		return a.r, a.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// Look calls f between two commands; f must not keep what it is shown. When Look returns an error, f is not called any more.
func (c *Controller) Look(ctx context.Context, f func(View)) error {
	var taken atomic.Bool // by f, or by the caller who has gone
	done := make(chan struct{})
	look := func(v View) {
		if taken.CompareAndSwap(false, true) {
			f(v)
		}
		close(done)
	}
	select {
	case c.inputs <- Input{View: look}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
	case <-ctx.Done():
		if taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-done // f is at it
	}
	return nil
}

// Due is when Handle has to be called at the latest, even without input.
func (c *Controller) Due(now time.Time) time.Time {
	if c.aside != nil {
		return now.Add(probeEvery)
	}
	due := c.ctlAt.Add(ctlEvery)
	if c.faulted != nil {
		return earlier(due, c.probeAt.Add(probeEvery))
	}
	if at, ok := c.state.Due(c.rules); ok {
		due = earlier(due, at)
	}
	if due.After(now.Add(ctlEvery)) {
		return now.Add(ctlEvery) // the clock was set back
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Handle decides a batch of inputs, commits it, and then answers and publishes. It also does what is due.
func (c *Controller) Handle(now time.Time, batch []Input) {
	c.watchClock(now, len(batch))
	if c.aside != nil {
		c.standAside(now, batch)
		return
	}
	b := c.begin(now)
	if c.faulted != nil && !c.recover(now) {
		for _, in := range batch {
			b.refuse(in)
		}
		b.after()
		c.regular(now)
		return
	}
	for _, in := range batch {
		b.input(in)
	}
	if _, ok := c.state.Due(c.rules); ok {
		// Asked each time: where the clock was set back, what is due lies in the future and must be done all the same.
		b.do(queue.Command{Actor: "timer", Do: queue.Tick{}})
	}
	if err := b.commit(); err != nil {
		c.fault(now, err)
		for _, fail := range b.failed {
			fail(ErrFaulted)
		}
	} else {
		c.epoch = c.state.Epoch
		b.after()
		if c.aside != nil {
			c.noteAside(now)
			return
		}
		if len(b.then) > 0 && len(c.inputs) == 0 { // who has asked waits for the answer, for states nobody does
			runtime.Gosched()
		}
		b.publish()
	}
	c.regular(now)
}

// watchClock raises an alarm when the clock jumps while nothing happens that would explain it. It changes nothing else.
func (c *Controller) watchClock(now time.Time, inputs int) {
	if d := now.Sub(c.lastNow); d > jumpAlarm || d < -time.Second {
		c.count["clock_jumped"]++
		c.log.Warn("the clock has jumped; the order of tickets does not depend on it", "by", d, "inputs", inputs)
		c.ctlAt, c.statesAt = time.Time{}, time.Time{}
	}
	c.lastNow = now
}

// regular publishes what is published by the clock.
func (c *Controller) regular(now time.Time) {
	if now.Sub(c.ctlAt) >= ctlEvery {
		c.ctlAt = now
		c.publishCtl(c.ctlWord())
	}
	if c.faulted == nil && now.Sub(c.statesAt) >= stateEvery {
		c.statesAt = now
		c.publishAll(now)
	}
}

func (c *Controller) ctlWord() string {
	if c.faulted != nil {
		return "faulted"
	}
	if c.state.Recovering {
		return "recovering"
	}
	return "on"
}

// tight says that the disk of the store has no room for more numbers.
func (c *Controller) tight() bool { return c.o.Tight != nil && c.o.Tight() }

// leaves is the time to say in a word that leaves now, in ms.
func (c *Controller) leaves() int64 {
	if c.o.Clock == nil {
		return c.lastNow.UnixMilli()
	}
	return c.o.Clock().UnixMilli()
}

func (c *Controller) goodbye() { c.publishCtl("off") }

// Republish says every state again: after the connection to an external broker was made anew.
func (c *Controller) Republish(ctx context.Context) error {
	return c.Look(ctx, func(v View) { c.ctlAt, c.statesAt = time.Time{}, time.Time{} })
}
