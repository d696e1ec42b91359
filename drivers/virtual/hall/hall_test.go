package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/virtual"
	"quhao/internal/config"
	"quhao/internal/proto"
)

const hallConfig = "../../../configs/hall"

func load(t *testing.T) *config.Config {
	t.Helper()
	conf, mistakes := config.Load(hallConfig)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return conf
}

func TestReadPaper(t *testing.T) {
	for _, c := range []struct {
		lines   []string
		number  string
		reprint int
	}{
		{[]string{"示例服务大厅", "A012", "教务", "取号时间  2026-11-24 00:57"}, "A012", 0},
		{[]string{">>> B001 <<<", "【补打 第 2 次】"}, "B001", 2},
		{[]string{"C003", "[ Reprint 1 ]"}, "C003", 1},
		{[]string{"AX07", "离线取号，按取号时间排队"}, "AX07", 0},
		{[]string{">>> CY123 <<<"}, "CY123", 0},
		{[]string{"80", "A1", "A01"}, "", 0},
		{[]string{"no number here"}, "", 0},
		{nil, "", 0},
	} {
		if p := read(virtual.Paper{Lines: c.lines}); p.number != c.number || p.reprint != c.reprint {
			t.Errorf("%q: read %q, reprint %d", c.lines, p.number, p.reprint)
		}
	}
}

func TestBoxIsStraight(t *testing.T) {
	lines := strings.Split(box([]string{"示例服务大厅", "A001", "", "前面等候  0 人", strings.Repeat("宽", 20)}), "\n")
	for _, s := range lines {
		if cells(s) != cells(lines[0]) {
			t.Errorf("%q is %d cells wide, the frame %d", s, cells(s), cells(lines[0]))
		}
	}
}

func TestInvent(t *testing.T) {
	conf := load(t)
	kiosks := conf.Devices[:2]
	for _, seed := range []uint64{1, 2, 3, 4, 5} {
		all := invent(seed, 40, conf, kiosks)
		if !reflect.DeepEqual(all, invent(seed, 40, conf, kiosks)) {
			t.Errorf("seed %d brings other visitors the second time", seed)
		}
		seen := map[string]int{}
		cards := map[uint32]bool{}
		for i, v := range all {
			rule := conf.Centre.Department(v.want.Department).Card
			switch {
			case i > 0 && v.arrives < all[i-1].arrives:
				t.Errorf("seed %d: visitor %d comes before the one before", seed, v.no)
			case rule == config.CardRequired && v.card == 0, rule == config.CardNever && v.card != 0:
				t.Errorf("seed %d: visitor %d with card %d where it is %s", seed, v.no, v.card, rule)
			case v.card != 0 && cards[v.card]:
				t.Errorf("seed %d: two visitors with card %d", seed, v.card)
			case v.twice && v.card == 0, v.score < 0, v.score > 5:
				t.Errorf("seed %d: impossible visitor %+v", seed, *v)
			}
			cards[v.card] = true
			seen[v.want.Department]++
			for part, has := range map[string]bool{
				"twice": v.twice, "absent": v.absent, "late": v.late, "parks": v.parks, "rates": v.score > 0, "without card": v.card == 0,
			} {
				if has {
					seen[part]++
				}
			}
		}
		for part, least := range map[string]int{
			"study": 13, "finance": 13, "cards": 13, "twice": 2, "absent": 1, "late": 1, "parks": 2, "rates": 20, "without card": 13,
		} {
			if seen[part] < least {
				t.Errorf("seed %d: %s %d times, want %d at least", seed, part, seen[part], least)
			}
		}
	}
	if all := invent(1, 1, conf, kiosks); len(all) != 1 {
		t.Errorf("%d visitors, want 1", len(all))
	}
}

// TestOfficersCards: the cards in the officers' pockets are the ones whose digests the configuration holds.
func TestOfficersCards(t *testing.T) {
	conf := load(t)
	for i, c := range conf.Centre.Counters {
		number := typedNumber(t, officerCard(c.Number))
		if got := proto.CardDigest(number); got != conf.Centre.Officers[i].Card {
			t.Errorf("the card of the officer at counter %d has the digest %s, the configuration %s", c.Number, got, conf.Centre.Officers[i].Card)
		}
	}
}

// typedNumber is a card's number as a reader gives it.
func typedNumber(t *testing.T, card uint32) string {
	t.Helper()
	near, far := net.Pipe()
	r, twin := newReader("terminal")
	served := make(chan error, 1)
	go func() { served <- twin.Serve(t.Context(), far) }()
	defer func() {
		near.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	if err := r.tap(card); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 11)
	if err := near.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Read(b); err != nil || b[10] != '\n' {
		t.Fatalf("the reader sends %q, %v", b, err)
	}
	return string(b[:10])
}

// TestPadsSpeakToTheirDrivers: what a finger presses on a twin is what the driver reads.
func TestPadsSpeakToTheirDrivers(t *testing.T) {
	for _, driver := range []string{"caller68", "terminal"} {
		for _, want := range []keypad.Press{
			{Op: keypad.Next}, {Op: keypad.Recall}, {Op: keypad.Start}, {Op: keypad.NoShow}, {Op: keypad.Park}, {Op: keypad.Unpark},
			{Op: keypad.Pause}, {Op: keypad.Complete}, {Op: keypad.Invite}, {Op: keypad.Transfer, Arg: 3}, {Op: keypad.Transfer, Arg: 12},
			{Op: keypad.Rate, Arg: 4},
		} {
			if got := pressed(t, driver, want); got != want {
				t.Errorf("%s: %+v is read as %+v", driver, want, got)
			}
		}
	}
}

func pressed(t *testing.T, driver string, p keypad.Press) keypad.Press {
	t.Helper()
	near, far := net.Pipe()
	hand, twin := newPad(driver, 0)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- twin.Serve(ctx, far) }()
	defer func() {
		cancel()
		near.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	if err := hand.press(p.Op, p.Arg); err != nil {
		t.Fatalf("%s: %v", driver, err)
	}
	if err := near.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	read := map[string]keypad.Driver{"caller68": keypad.NewCaller68(), "terminal": keypad.NewTerminal()}[driver]
	var buf []byte
	for chunk := make([]byte, 64); ; {
		n, err := near.Read(chunk)
		if err != nil {
			t.Fatalf("%s: %v after %q", driver, err, buf)
		}
		buf = append(buf, chunk[:n]...)
		if _, got, _, err := read.Decode(buf); err != nil || got.Op != "" {
			if err != nil {
				t.Fatalf("%s: %v", driver, err)
			}
			return got
		}
	}
}

func TestFreePortNamesTheFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = freePort(l.Addr().String(), "-mqtt")
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()+" is taken") || !strings.Contains(err.Error(), "-mqtt ADDR chooses another") {
		t.Errorf("a taken port: %v", err)
	}
	if addr, err := freePort("127.0.0.1:0", "-mqtt"); err != nil || strings.HasSuffix(addr, ":0") {
		t.Errorf("port 0 is %s, %v", addr, err)
	}
}

// TestProgramThatDoesNotStart gives the last words of it.
func TestProgramThatDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	p := &program{
		name: "broken", path: "/bin/sh", args: []string{"-c", "echo the reason >&2; exit 3"}, log: filepath.Join(dir, "log"), out: newVoice(&said),
	}
	gone := make(chan error, 1)
	p.start(func(err error) { gone <- err })
	defer p.stop()
	select {
	case err := <-gone:
		if !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody is told that it does not start")
	}
}

// TestProgramIsStartedAgain after it was killed, and given up when it dies again and again.
func TestProgramIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	p := &program{name: "mortal", path: "/bin/sh", args: []string{"-c", "echo lived"}, log: filepath.Join(dir, "log"), out: newVoice(&said)}
	p.settled.Store(true)
	gone := make(chan error, 1)
	p.start(func(err error) { gone <- err })
	select {
	case err := <-gone:
		if !strings.Contains(err.Error(), "ended 5 times") {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it is started again for ever")
	}
	p.stop()
	b, err := os.ReadFile(p.log)
	if n := strings.Count(string(b), "lived"); err != nil || n != maxDeaths {
		t.Errorf("it lived %d times, want %d; %v", n, maxDeaths, err)
	}
	if n := strings.Count(said.String(), "is started again"); n != maxDeaths-1 {
		t.Errorf("the restart was said %d times, want %d", n, maxDeaths-1)
	}
	if err := p.kill(); err == nil {
		t.Error("a program that does not run was killed")
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-visitors", "0"}, {"-visitors", "401"}, {"word"}, {"-nope"}} {
		var said strings.Builder
		err := command(t.Context(), args, strings.NewReader(""), &said)
		if _, ok := errors.AsType[usageError](err); !ok || exitCode(&said, err) != exitUsage {
			t.Errorf("%q: %v", args, err)
		}
	}
	var said strings.Builder
	if err := command(t.Context(), []string{"-help"}, strings.NewReader(""), &said); exitCode(&said, err) != exitDone || !strings.Contains(said.String(), "-demo") {
		t.Errorf("-help: %v\n%s", err, said.String())
	}
}

// TestConsoleRefuses: what makes no sense is said, and touches nothing.
func TestConsoleRefuses(t *testing.T) {
	var said strings.Builder
	h := &hall{out: newVoice(&said), wires: &wires{
		kiosks: []*kiosk{{id: "kiosk-2", keys: virtual.NewTypist()}}, units: []*counterUnit{{number: 1}}, all: map[string]wire{},
	}}
	c := newConsole(h, nil)
	for line, want := range map[string]string{
		"dance":             "not understood",
		"tap 1":             "wants CARD KIOSK",
		"tap 1 kiosk-9":     "no kiosk",
		"tap 1 7":           "no counter 7",
		"take kiosk-9":      "no kiosk",
		"cover up kiosk-2":  "cover open, or cover closed",
		"tap x kiosk-2":     "a card has a number",
		"tap 1 kiosk-2":     "no card reader",
		"key x kiosk-2":     "a key has a number",
		"next x":            "a counter has a number",
		"next 7":            "no counter 7",
		"rate 1 6":          "five rating keys",
		"transfer 1 0":      "1 to 99",
		"paper up kiosk-2":  "paper out, or paper in",
		"paper out kiosk-2": "cannot run out of paper",
		"cut nothing":       "no cable",
		"cut unit-7":        "no cable",
		"plug nothing":      "no cable",
		"kill quhaod":       "no program",
		"off quhaod":        "no program",
		"on quhaod":         "no program",
		"wait long":         "0 to 3600",
	} {
		if err := c.obey(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if err := c.obey([]string{"quit"}); !errors.Is(err, errQuit) {
		t.Errorf("quit: %v", err)
	}
}

// TestProgramIsSwitchedOffAndOn: off, it stays away and is not given up; on, it runs again; a hall that closes does not wait for it.
func TestProgramIsSwitchedOffAndOn(t *testing.T) {
	var said strings.Builder
	p := &program{name: "lamp", path: "/bin/sh", args: []string{"-c", "exec sleep 600"}, log: filepath.Join(t.TempDir(), "log"), out: newVoice(&said)}
	p.settled.Store(true)
	p.start(func(err error) { t.Error(err) })
	until := func(what string, seen func() bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for !seen() {
			if err := pause(ctx, time.Millisecond); err != nil {
				t.Fatal(what, " is never seen")
			}
		}
	}
	for i := range maxDeaths + 1 {
		until("a start", func() bool { pid, starts := p.status(); return pid != 0 && starts == i+1 })
		if err := p.turnOff(); err != nil {
			t.Fatal(err)
		}
		until("the end", func() bool { pid, _ := p.status(); return pid == 0 })
		if err := p.turnOff(); err == nil {
			t.Error("it was switched off twice")
		}
		if i < maxDeaths {
			if err := p.turnOn(); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.stop()
	if err := p.turnOn(); err != nil {
		t.Error(err)
	}
	if err := p.turnOn(); err == nil {
		t.Error("it was switched on twice")
	}
}
