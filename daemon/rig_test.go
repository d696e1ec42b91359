package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"quhao/internal/config"
	"quhao/internal/link"
	"quhao/internal/proto"
)

// patience bounds every wait of these tests; a sound machine needs a small part of it.
const patience = 30 * time.Second

// rig is a data folder and a configuration of the sample hall, and quhaod on them when it runs.
type rig struct {
	t      *testing.T
	folder string // of the configuration
	data   string
	addr   string      // where devices connect, as package link wants it
	tls    *tls.Config // of devices; nil without TLS
	topics proto.Topics

	backups []string // folders for copies; none means the one in the data folder
	secrets map[string]string
	log     *buffer
	stop    func() // ends quhaod, if it runs
}

// buffer is a log that the test may read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newRig makes the folders, with these lines as the broker of centre.yaml, and enrols every device.
func newRig(t *testing.T, brokerLines string) *rig {
	t.Helper()
	data, err := os.MkdirTemp("", "quhaod") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, folder: t.TempDir(), data: data, topics: proto.NewTopics(""), secrets: map[string]string{}, log: new(buffer), stop: func() {},
	}
	t.Cleanup(func() {
		r.stop()
		os.RemoveAll(data)
		if t.Failed() {
			t.Logf("quhaod said:\n%s", r.log.String())
		}
	})
	if err := os.CopyFS(r.folder, os.DirFS(hall)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(r.folder, "centre.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "broker: {%s}\n", brokerLines); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"kiosk-1", "kiosk-2", "unit-1", "unit-2", "unit-3", "unit-4"} {
		r.enrol(id)
	}
	return r
}

// newEmbedded is a rig whose quhaod is its own broker.
func newEmbedded(t *testing.T) *rig {
	t.Helper()
	addr := freeAddr(t)
	r := newRig(t, "listen: '"+addr+"'")
	r.addr = "tcp://" + addr
	return r
}

// freeAddr is an address of this machine that nobody listened on a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *rig) enrol(id string) {
	r.t.Helper()
	secret, err := enrol(r.data, id)
	if err != nil {
		r.t.Fatal(err)
	}
	r.secrets[id] = secret
}

// start runs quhaod until stop or the end of the test.
func (r *rig) start() {
	r.t.Helper()
	conf, mistakes := config.Load(r.folder)
	if len(mistakes) > 0 {
		r.t.Fatal(mistakes)
	}
	conf.Centre.HTTP = "127.0.0.1:0"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, conf, runOptions{config: r.folder, data: r.data, backups: r.backups, hourly: keepHourly, daily: keepDaily}, slog.New(slog.NewTextHandler(r.log, nil)))
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("quhaod ended with: %v", err)
			}
		case <-time.After(patience):
			r.t.Error("quhaod does not end")
		}
	})
	until(r.t, "quhaod answers at its socket", func() bool {
		select {
		case err := <-done:
			done <- err
			r.t.Fatalf("quhaod has ended while starting: %v", err)
		default:
		}
		_, err := talk(r.t.Context(), r.data, []string{"status"})
		return err == nil
	})
}

// tell is a command line about this data folder that must succeed.
func (r *rig) tell(words ...string) string {
	r.t.Helper()
	code, stdout, stderr := say(r.t.Context(), append(words, "-data", r.data)...)
	if code != exitDone {
		r.t.Fatalf("quhaod %v: %s", words, stderr)
	}
	return stdout
}

// until polls until the condition holds.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); !ok(); <-poll.C {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// linkTo runs a link until the test ends; every event goes to hear, in that link's goroutine.
func linkTo(t *testing.T, o link.Options, hear func(*link.Link, link.Event)) *link.Link {
	t.Helper()
	o.MinWait, o.MaxWait = 10*time.Millisecond, 100*time.Millisecond
	l := link.New(o, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Errorf("%s: %v", o.ClientID, err)
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-l.Events():
				hear(l, e)
			}
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l
}
