package main

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"quhao/internal/config"
	"quhao/internal/station"
)

// A device that was enrolled knows this controller at any address, after restarts too, and no other one.
func TestADeviceKnowsItsController(t *testing.T) {
	dir := t.TempDir()
	first, err := openAuthority(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := openAuthority(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if first.fingerprint() != again.fingerprint() {
		t.Error("a restart made another authority")
	}
	stranger, err := openAuthority(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server *authority
		good   bool
	}{"its own": {again, true}, "a stranger": {stranger, false}} {
		id := station.Identity{CA: first.fingerprint()}
		if err := handshake(t, c.server, id.TLS()); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func handshake(t *testing.T, a *authority, client *tls.Config) error {
	t.Helper()
	conf, err := a.server(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Server(far, conf).Handshake(); far.Close() }()
	return tls.Client(near, client).Handshake()
}

// Pages go without encryption on this machine only, unless the configuration says otherwise.
func TestPagesAreEncryptedBeyondThisMachine(t *testing.T) {
	for _, c := range []struct {
		addr  string
		plain bool
		want  string
	}{{"127.0.0.1:0", false, "http"}, {"0.0.0.0:0", false, "https"}, {"0.0.0.0:0", true, "http"}} {
		l, scheme, err := listenPages(&config.Centre{HTTP: c.addr, HTTPPlain: c.plain}, t.TempDir(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if scheme != c.want {
			t.Errorf("%s, plain %t: %s, want %s", c.addr, c.plain, scheme, c.want)
		}
		l.Close()
	}
}
