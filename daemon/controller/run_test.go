package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// inBubble runs a controller in a bubble with its own time; test is called while it runs.
func inBubble(t *testing.T, test func(b *bench, ctx context.Context)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.now = time.Now()
		b.start()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.c.Run(ctx) }()
		test(b, ctx)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if last := since[proto.Ctl](b, 0, b.top.Ctl()); last[len(last)-1].S != "off" {
			t.Errorf("its last word is %+v", last[len(last)-1])
		}
	})
}

func TestRun(t *testing.T) {
	inBubble(t, func(b *bench, ctx context.Context) {
		if _, err := b.c.Do(ctx, queue.Command{Request: "open", Actor: "test", Do: queue.OpenDay{}}); err != nil {
			t.Fatal(err)
		}
		_, err := b.c.Do(ctx, queue.Command{Request: "again", Actor: "test", Do: queue.OpenDay{}})
		if no, ok := errors.AsType[*queue.Refusal](err); !ok || no.Code != queue.Conflict {
			t.Errorf("a second opening: %v", err)
		}
		k := b.gadget("kiosk-1")
		in := k.hello("nonce")
		b.c.Message(ctx, in.Dev, *in.Message)
		open := false
		if err := b.c.Look(ctx, func(v View) { open = v.Devices()[0].Session && v.State().Open }); err != nil || !open {
			t.Errorf("kiosk-1 in session on an open day: %t, %v", open, err)
		}
		mark := 0
		if err := b.c.Look(ctx, func(View) { mark = len(b.out.msgs) }); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute + time.Second) // of the bubble: the timer alone drives the controller now
		synctest.Wait()
		if n := len(since[proto.Ctl](b, mark, b.top.Ctl())); n != 12 {
			t.Errorf("%d times state/ctl in a minute, want 12", n)
		}
	})
}

// Many callers at once: every number once, and every caller its own answer.
func TestManyCallers(t *testing.T) {
	inBubble(t, func(b *bench, ctx context.Context) {
		if _, err := b.c.Do(ctx, queue.Command{Request: "open", Actor: "test", Do: queue.OpenDay{}}); err != nil {
			t.Fatal(err)
		}
		const callers, each = 20, 40
		var mu sync.Mutex
		numbers := map[string]queue.RequestID{}
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				for n := range each {
					id := queue.RequestID(fmt.Sprintf("%d-%d", i, n))
					r, err := b.c.Do(ctx, queue.Command{Request: id, Actor: "test", Do: queue.Take{Dept: "finance"}})
					if err != nil || string(r.Ticket.ID) != string(id) {
						t.Errorf("%s got %+v, %v", id, r.Ticket, err)
						return
					}
					mu.Lock()
					if was, twice := numbers[r.Ticket.Number]; twice {
						t.Errorf("%s was given to %s and %s", r.Ticket.Number, was, id)
					}
					numbers[r.Ticket.Number] = id
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if len(numbers) != callers*each {
			t.Errorf("%d numbers, want %d", len(numbers), callers*each)
		}
	})
}

func TestRepublish(t *testing.T) {
	inBubble(t, func(b *bench, ctx context.Context) {
		synctest.Wait()
		mark := len(b.out.msgs)
		if err := b.c.Republish(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		one[proto.Ctl](b, mark, b.top.Ctl())
		one[proto.HallState](b, mark, b.top.Hall("hall"))
		one[proto.CounterState](b, mark, b.top.Counter("c4"))
	})
}

// Nobody waits for a controller that does not run: the caller's context ends the wait.
func TestCallersLeave(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.c.Look(ctx, func(View) { t.Error("looked") }); !errors.Is(err, context.Canceled) {
		t.Errorf("Look: %v", err)
	}
	if _, err := b.c.Do(ctx, queue.Command{Do: queue.OpenDay{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Do: %v", err)
	}
	for range maxBatch {
		b.c.Message(ctx, "kiosk-1", proto.Message{})
	}
	// What was left in the box is done, but whoever has gone is not called back.
	for len(b.c.inputs) > 0 {
		b.handle(<-b.c.inputs)
	}
}

// discard is a store that keeps nothing, for the benchmark of the rest.
type discard struct{}

func (discard) Load(func(queue.Event) error) error                        { return nil }
func (discard) Append([]queue.Event, []queue.Ticket, []queue.Visit) error { return nil }

func BenchmarkTake(bm *testing.B) {
	b := newBench(bm)
	b.c.o.Store, b.out.err = discard{}, errors.New("no broker")
	b.c.rules.Departments["finance"] = queue.Department{ID: "finance", Series: queue.Series{Prefix: "B", Width: 5, Over: queue.Widen}}
	b.must(queue.OpenDay{})
	k := b.gadget("kiosk-1")
	b.out.err = nil
	k.greet("nonce")
	b.out.err = errors.New("no broker")
	inputs := make([]Input, 0, 1000)
	for n := 0; bm.Loop(); n++ {
		if n%1000 == 0 { // a day's queue of at most a thousand
			b.must(queue.CloseDay{Force: true})
			b.must(queue.OpenDay{})
			b.out.err = nil
			k.greet(b.random())
			b.out.err = errors.New("no broker")
		}
		inputs = append(inputs[:0], k.cmd(proto.Cmd{ID: proto.ID(b.random()), Op: proto.OpTicket, Q: "finance"}))
		b.handle(inputs...)
	}
}

func (discard) ByRequest(context.Context, queue.RequestID) (queue.Event, bool, error) {
	return queue.Event{}, false, nil
}
