package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"quhao/internal/link"
)

// herd is how many devices lose their broker at once: more than six times those that may sign in at the same moment.
const herd = 200

// All devices of a large centre lose their broker at once and find another in its place: everybody is let in,
// and not by pushing each other out (most are not, even on a machine that is busy with other things).
func TestHerd(t *testing.T) {
	var names []string
	for i := range herd {
		names = append(names, fmt.Sprintf("unit-%d", i))
	}
	file := passwordFile(t, names...)
	first := newBench(t, func(o *Options) { o.Passwords = file })
	changed := make(chan bool, herd) // true: up
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	for _, name := range names {
		l := link.New(link.Options{
			Addr: first.addr, ClientID: name, User: name, Password: secret, Will: *lost(name),
			Subscribe: []string{"quhao/1/dev/" + name + "/down/#", "quhao/1/state/ctl"},
		}, slog.New(slog.DiscardHandler))
		all.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { watch(ctx, l, changed) })
	}
	await := func(up bool) {
		t.Helper()
		late := time.After(patience)
		for n := range herd {
			select {
			case is := <-changed:
				if is != up {
					t.Fatalf("device %d of %d: up %t, want %t", n+1, herd, is, up)
				}
			case <-late:
				t.Fatalf("%d of %d devices are up: %t", n, herd, up)
			}
		}
	}
	await(true)
	first.stop()
	await(false)
	second := newBench(t, func(o *Options) { o.Listen, o.Passwords = first.addr, file })
	began := time.Now()
	await(true)
	took := time.Since(began).Round(10 * time.Millisecond)
	out := second.Counters().Refused
	if out[Crowded] > herd || out[Forgotten] > 0 || out[Replaced] > 0 {
		t.Errorf("refused: %v", out)
	}
	t.Logf("%d devices back %s after the broker; pushed out by others %d", herd, took, out[Crowded])
}

// watch tells of each connection and each loss.
func watch(ctx context.Context, l *link.Link, changed chan<- bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-l.Events():
			if e.Up || e.Down {
				select {
				case changed <- e.Up:
				case <-ctx.Done():
				}
			}
		}
	}
}
