package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quhao/drivers/virtual"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// patience bounds every wait of these tests; a sound machine needs a small part of it.
const patience = 30 * time.Second

const cardNumber = "0008844356"

// centre is a controller at the other end of a pipe without a broker. It answers at once.
type centre struct {
	topics proto.Topics
	events chan link.Event

	mu      sync.Mutex
	queue   []link.Event // to be told
	wake    chan struct{}
	said    []proto.Message
	answer  string // to tickets; empty for no answer
	cmds    []proto.Cmd
	facts   map[uint64]proto.Fact
	numbers int
	seen    chan struct{} // closed and made anew whenever something has come
}

func newCentre() *centre {
	return &centre{
		topics: proto.NewTopics(""), events: make(chan link.Event), wake: make(chan struct{}, 1), answer: proto.ResOK,
		facts: map[uint64]proto.Fact{}, seen: make(chan struct{}),
	}
}

func (c *centre) Events() <-chan link.Event { return c.events }

func (c *centre) Rest(time.Duration) {}

func (c *centre) Run(ctx context.Context) error {
	c.mu.Lock()
	c.push(link.Event{Up: true})
	c.state(c.topics.Hall("hall"), proto.HallState{V: 1, Epoch: 1, Ver: 1, Depts: []proto.DeptState{
		{ID: "study", Open: true}, {ID: "finance", Open: true}, {ID: "cards", Open: true},
	}})
	c.mu.Unlock()
	ctl := time.NewTicker(5 * time.Second)
	defer ctl.Stop()
	for {
		c.mu.Lock()
		queue := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, e := range queue {
			select {
			case c.events <- e:
			case <-ctx.Done():
				return nil
			}
		}
		select {
		case <-c.wake:
		case <-ctl.C:
			c.mu.Lock()
			c.state(c.topics.Ctl(), proto.Ctl{V: 1, S: "on", Epoch: 1, Boot: "b", T: time.Now().UnixMilli()})
			c.mu.Unlock()
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *centre) push(e link.Event) {
	c.queue = append(c.queue, e)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *centre) state(topic string, v any) {
	b, err := proto.Encode(v)
	if err != nil {
		panic(err)
	}
	c.push(link.Event{Msg: &proto.Message{Topic: topic, Payload: b, QoS: 1}})
}

// Publish takes what the kiosk says, and answers.
func (c *centre) Publish(m proto.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, m)
	_, what, _ := c.topics.ReadUp(m.Topic)
	down := func(what string, v any) { c.state(c.topics.Down("kiosk-1", what), v) }
	switch what {
	case proto.UpHello:
		h, err := proto.Decode[proto.Hello](m.Payload)
		if err != nil {
			return err
		}
		down(proto.DownHello, proto.Welcome{
			V: 1, Nonce: h.Nonce, S: proto.Accepted, Sess: "s1", Epoch: 1, Boot: "b", T: time.Now().UnixMilli(), DayKey: []byte("key"),
		})
	case proto.UpCmd:
		cmd, err := proto.Decode[proto.Cmd](m.Payload)
		if err != nil {
			return err
		}
		c.cmds = append(c.cmds, cmd)
		if c.answer != "" {
			down(proto.DownRes, c.res(cmd))
		}
	case proto.UpFact:
		f, err := proto.Decode[proto.Facts](m.Payload)
		if err != nil {
			return err
		}
		for _, raw := range f.Facts {
			var fact proto.Fact
			if err := json.Unmarshal(raw, &fact); err != nil {
				return err
			}
			c.facts[fact.Seq] = fact
			down(proto.DownAck, proto.Ack{V: 1, Sess: "s1", Ack: fact.Seq, Sum: proto.Sum(raw)})
		}
	}
	close(c.seen)
	c.seen = make(chan struct{})
	return nil
}

func (c *centre) res(cmd proto.Cmd) proto.Res {
	r := proto.Res{V: 1, ID: cmd.ID, Sess: cmd.Sess, S: c.answer}
	if c.answer == proto.ResOK {
		c.numbers++
		r.Ticket = &proto.TicketRes{
			TID: proto.ID(fmt.Sprint("T", c.numbers)), Num: fmt.Sprintf("B%03d", c.numbers), Day: 1, Q: cmd.Q, Item: cmd.Item,
			Ahead: 4, Wait: &proto.Wait{Lo: 5, Hi: 10}, T: time.Now().UnixMilli(),
		}
	}
	return r
}

// until waits for a condition on what the centre has heard.
func (c *centre) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		done, seen := ok(), c.seen
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-seen:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// facts heard so far, in order, as "kind how".
func (c *centre) told() []string {
	var out []string
	for seq := uint64(1); seq <= uint64(len(c.facts)); seq++ {
		f := c.facts[seq]
		out = append(out, strings.TrimSpace(f.K+" "+f.How))
	}
	return out
}

// hall is a kiosk program with its twins.
type hall struct {
	c       *centre
	printer *virtual.Printer
	cable   *virtual.Cable
	reader  *virtual.Reader
	keys    io.Writer
	papers  chan virtual.Paper
	url     string
	code    chan int
	stop    context.CancelFunc
	log     *lockedBuffer
	data    string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func identity(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "kiosk-1.yaml")
	text := "version: 1\nid: kiosk-1\ncontroller: 127.0.0.1:1883\nsecret: not used\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// open starts the program in the sample hall.
func open(t *testing.T) *hall {
	t.Helper()
	return openWith(t, filepath.Join("..", "configs", "hall"), virtual.PrinterOptions{}, func(*virtual.Printer) {})
}

// openWith starts the program with the configuration of a folder and a printer, about which something is done before.
func openWith(t *testing.T, local string, o virtual.PrinterOptions, before func(*virtual.Printer)) *hall {
	t.Helper()
	dir := t.TempDir()
	h := &hall{
		c: newCentre(), papers: make(chan virtual.Paper, 16), reader: virtual.NewReader(), code: make(chan int, 1),
		log: new(lockedBuffer), data: filepath.Join(dir, "data"),
	}
	o.OnPaper = func(p virtual.Paper) { h.papers <- p }
	h.printer = virtual.NewPrinter(o)
	before(h.printer)
	ports := filepath.Join(h.data, "ports")
	if err := os.MkdirAll(ports, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.stop = cancel
	h.cable = virtual.NewCable(filepath.Join(ports, "kiosk-1-printer"))
	reader := virtual.NewCable(filepath.Join(ports, "kiosk-1-card"))
	for cable, twin := range map[*virtual.Cable]virtual.Server{h.cable: h.printer, reader: h.reader} {
		if err := cable.Plug(t.Context(), twin); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cable.Cut() })
	}
	master, slave, err := virtual.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(slave, filepath.Join(ports, "kiosk-1-keypad")); err != nil {
		t.Fatal(err)
	}
	h.keys = master
	t.Cleanup(func() { master.Close() })
	args := []string{"-config", identity(t, dir), "-data", h.data, "-local", local, "-http", "127.0.0.1:0"}
	go func() {
		h.code <- program(func(link.Options) station.Pipe { return h.c }).Main(ctx, args, io.Discard, h.log)
	}()
	t.Cleanup(func() {
		cancel()
		h.wait(t, station.ExitDone)
		if t.Failed() {
			t.Log(h.log.String())
		}
	})
	return h
}

func (h *hall) wait(t *testing.T, want int) {
	t.Helper()
	select {
	case code := <-h.code:
		h.code <- code
		if code != want {
			t.Errorf("exit code %d, want %d", code, want)
		}
	case <-time.After(patience):
		t.Fatal("the program does not end")
	}
}

// state asks the window until the condition holds.
func (h *hall) state(t *testing.T, what string, ok func(page) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last string
	for {
		if p, text, got := h.look(ctx); got {
			if ok(p) {
				return
			}
			last = text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s; the state is %s", what, last)
		}
	}
}

func (h *hall) look(ctx context.Context) (p page, text string, ok bool) {
	if h.url == "" {
		_, rest, found := strings.Cut(h.log.String(), "http=")
		if !found {
			return p, "", false
		}
		h.url = "http://" + strings.Fields(rest)[0]
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/state", nil)
	if err != nil {
		return p, "", false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return p, "", false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return p, string(b), err == nil && json.Unmarshal(b, &p) == nil
}

func (h *hall) press(t *testing.T, n int) {
	t.Helper()
	if _, err := fmt.Fprintf(h.keys, "choose %d\r", n); err != nil {
		t.Fatal(err)
	}
}

func (h *hall) paper(t *testing.T) virtual.Paper {
	t.Helper()
	select {
	case p := <-h.papers:
		return p
	case <-time.After(patience):
		t.Fatal("no paper")
		return virtual.Paper{}
	}
}
