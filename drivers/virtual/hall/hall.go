package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/internal/config"
)

const (
	readyWithin  = 20 * time.Second // every program after its start
	signOnWithin = 3 * time.Second  // an officer after the card was tapped
)

// hall is everything: the programs, the hardware, and the people's view of it.
type hall struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	out    *voice
	conf   *config.Config
	opt    options
	dir    string
	own    bool // dir was made here and goes at the end

	client   http.Client // for the state pages of the devices
	daemon   *program
	programs []*program // in the order they were started
	wires    *wires
	papers   *papers
	board    *board
	listener net.Listener // of the page; nil without one
	page     *page        // nil until it is open
}

// open builds the hall, starts it, and waits until every device is in session and every counter has its officer.
func open(ctx context.Context, o options, out *voice) (_ *hall, err error) {
	conf, mistakes := config.Load(o.config)
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("the configuration has mistakes:\n%w", mistakes)
	}
	h := &hall{out: out, conf: conf, opt: o, client: http.Client{Timeout: 2 * time.Second}}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close(true))
		}
	}()
	if h.opt.mqtt, err = freePort(o.mqtt, "-mqtt"); err != nil {
		return h, err
	}
	if h.opt.http, err = freePort(o.http, "-http"); err != nil {
		return h, err
	}
	if err := h.listen(); err != nil {
		return h, err
	}
	if err := h.makeFolder(); err != nil {
		return h, err
	}
	if h.papers, err = newPapers(filepath.Join(h.dir, "papers"), out); err != nil {
		return h, err
	}
	watched := out
	if h.papers.quiet = o.demo; o.demo {
		watched = nil // the demo tells of its visitors instead
	}
	if h.wires, err = newWires(h.dir, conf, h.papers, watched); err != nil {
		return h, err
	}
	if err := h.wires.plugAll(h.ctx); err != nil {
		return h, err
	}
	if err := h.startAll(); err != nil {
		return h, err
	}
	h.show()
	return h, nil
}

// freePort returns the address, its port 0 replaced by a free one. It is an error that names the flag if it is taken.
func freePort(addr, flag string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", taken(addr, flag)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	return l.Addr().String(), l.Close()
}

// taken says which port is in use and how to go round it.
func taken(addr, flag string) error {
	return no("%s is taken by another program; %s ADDR chooses another (port 0: any free one)", "%s 已被其他程序占用，可用 %s 地址 另选一个（端口 0 为任意空闲端口）", addr, flag)
}

// makeFolder makes the folder for everything the hall writes.
func (h *hall) makeFolder() (err error) {
	if h.opt.data == "" {
		h.own = true
		h.dir, err = os.MkdirTemp("", "quhao-hall-")
		return err
	}
	if h.dir, err = filepath.Abs(h.opt.data); err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(h.dir, "quhaod"))
	if h.opt.demo && err == nil {
		return fmt.Errorf("%s holds another day already, and the demo checks its own: choose an empty folder with -data", h.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.MkdirAll(h.dir, 0o700)
}

// startAll starts the daemon, then the devices, and then the officers come.
func (h *hall) startAll() error {
	for _, d := range h.conf.Devices {
		addr, err := h.wires.connect(d.ID, h.opt.mqtt)
		if err != nil {
			return err
		}
		identity, err := ask(h.ctx, h.opt.bin, "enrol", "-again", "-config", h.opt.config, "-data", h.data("quhaod"), "-mqtt", addr, d.ID)
		if err != nil {
			return err
		}
		if err := os.WriteFile(h.data(d.ID+".id.yaml"), []byte(identity), 0o600); err != nil {
			return err
		}
	}
	h.daemon = h.start("quhaod", "quhaod", "run", "-config", h.opt.config, "-data", h.data("quhaod"), "-mqtt", h.opt.mqtt, "-http", h.opt.http)
	h.board = newBoard(h.opt.http)
	go h.board.watch(h.ctx)
	if err := h.await("quhaod", readyWithin, func(o overview) bool { return o.Open }); err != nil {
		return err
	}
	for _, d := range h.conf.Devices {
		path, window, err := "quhao-kiosk", "", error(nil)
		if d.Kind == config.CounterUnit {
			path = "quhao-display"
		}
		if window, err = freePort("127.0.0.1:0", "-http"); err != nil {
			return err
		}
		h.wires.window(d.ID, window)
		h.start(d.ID, path, "-config", h.data(d.ID+".id.yaml"), "-data", h.data(d.ID), "-http", window)
	}
	if err := h.await("every kiosk and counter unit", readyWithin, h.allReady); err != nil {
		return err
	}
	for _, p := range h.programs {
		p.settled.Store(true)
	}
	return h.signOn()
}

// data is a path in the hall's folder.
func (h *hall) data(name string) string { return filepath.Join(h.dir, name) }

func (h *hall) start(name, path string, args ...string) *program {
	p := &program{name: name, path: filepath.Join(h.opt.bin, path), args: args, log: h.data(name + ".log"), out: h.out, rest: restartSeen}
	if h.opt.demo {
		p.rest = restartAfter
	}
	h.programs = append(h.programs, p)
	p.start(func(err error) { h.cancel(err) })
	return p
}

// await waits for something to be seen on the board; what says who is waited for.
func (h *hall) await(what string, within time.Duration, seen func(overview) bool) error {
	ctx, cancel := context.WithTimeout(h.ctx, within)
	defer cancel()
	if _, err := h.board.await(ctx, seen); err == nil {
		return nil
	}
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	return fmt.Errorf("%s is not ready after %s; the logs are in %s", what, within, h.dir)
}

// allReady says whether every device is in session with all its parts in order.
func (h *hall) allReady(o overview) bool {
	for _, d := range o.Devices {
		if !d.Session || len(d.Health.Parts) == 0 {
			return false
		}
		for _, state := range d.Health.Parts {
			if state != "ok" {
				return false
			}
		}
	}
	return len(o.Devices) == len(h.conf.Devices)
}

// signOn lets the officers tap their cards at the counters that nobody has opened yet.
func (h *hall) signOn() error {
	g, ctx := errgroup.WithContext(h.ctx)
	for _, u := range h.wires.units {
		g.Go(func() error { return h.signOnAt(ctx, u) })
	}
	return g.Wait()
}

// signOnAt taps the officer's card when the lamp is lit, and again if the counter stays closed, as a person would.
func (h *hall) signOnAt(ctx context.Context, u *counterUnit) error {
	open := func(o overview) bool { s := o.Counters[u.counter].S; return s != "closed" && s != "" }
	for range 3 {
		if open(h.board.now()) {
			return nil
		}
		if _, err := h.unit(ctx, u, lampWithin, func(v unitView) bool { return v.Lamp }); err != nil {
			return err
		}
		if err := u.card.tap(officerCard(u.number)); err != nil {
			return err
		}
		soon, cancel := context.WithTimeout(ctx, signOnWithin)
		_, err := h.board.await(soon, open)
		cancel()
		if err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("the officer at counter %d cannot sign on; the logs are in %s", u.number, h.dir)
}

// officerCard is the card in the pocket of the officer of that counter: configs/hall/centre.yaml holds its digest.
func officerCard(number int) uint32 { return 2_000_000 + uint32(number) }

// stopPrograms ends what was started, the devices first: so their last facts still arrive.
func (h *hall) stopPrograms() {
	for i := len(h.programs) - 1; i >= 0; i-- {
		h.programs[i].stop()
	}
}

// close ends everything and removes what it can. After a failure a temporary folder stays, for its logs.
func (h *hall) close(failed bool) error {
	err := h.hide()
	h.stopPrograms()
	h.cancel(nil)
	if h.wires != nil {
		err = errors.Join(err, h.wires.cutAll())
	}
	switch {
	case h.dir == "" || !h.own:
	case failed || h.opt.keep:
		h.out.say("日志与号票在 / the logs and papers are in %s", h.dir)
	default:
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}
