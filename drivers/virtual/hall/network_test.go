package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNetworkCable: the name of a device is its network cable: cut, nothing passes; plugged in, it can be dialled again.
func TestNetworkCable(t *testing.T) {
	h, p, said := standing(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	addr, err := h.wires.connect("kiosk-1", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.wires.cutAll(); err != nil {
			t.Error(err)
		}
	}()
	network := func() cableScene { return h.set(pagesSeen{}).Kiosks[0].Cables[0] }
	if !echoes(t, addr) || network() != (cableScene{Name: "kiosk-1", Part: "network", In: true}) {
		t.Fatalf("plugged in: %+v", network())
	}
	for range 2 {
		if err := p.console.obey([]string{"cut", "kiosk-1"}); err != nil {
			t.Fatal(err)
		}
		if echoes(t, addr) || network().In {
			t.Errorf("cut: %+v", network())
		}
		if err := p.console.obey([]string{"plug", "kiosk-1"}); err != nil {
			t.Fatal(err)
		}
		if !echoes(t, addr) || !network().In {
			t.Errorf("plugged in again: %+v", network())
		}
	}
	if !slices.Contains(h.wires.names(), "kiosk-1") || !slices.Contains(h.wires.names(), "kiosk-1-printer") {
		t.Errorf("cables %v", h.wires.names())
	}
	if err := newConsole(h, nil).obey([]string{"cables"}); err != nil || !strings.Contains(said.String(), "kiosk-1            网线") {
		t.Errorf("listed as %v:\n%s", err, said)
	}
}

// echoes says whether a byte sent there comes back.
func echoes(t *testing.T, addr string) bool {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		return false
	}
	_, err = c.Read(make([]byte, 1))
	return err == nil
}
