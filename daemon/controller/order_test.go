package controller

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// answered is what Order returned.
type answered struct {
	how string
	err error
}

// ordering gives an order while the controller runs.
func ordering(b *bench, ctx context.Context, dev, op, number string) chan answered {
	done := make(chan answered, 1)
	go func() {
		how, err := b.c.Order(ctx, dev, op, number)
		done <- answered{how, err}
	}()
	return done
}

// orders are the orders sent to a device since a mark.
func orders(b *bench, ctx context.Context, mark int, dev string) (out []proto.Order) {
	b.t.Helper()
	if err := b.c.Look(ctx, func(View) { out = since[proto.Order](b, mark, b.top.Down(dev, proto.DownDo)) }); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func TestOrder(t *testing.T) {
	inBubble(t, func(b *bench, ctx context.Context) {
		tell := func(in Input) { b.c.Message(ctx, in.Dev, *in.Message) }
		if _, err := b.c.Do(ctx, queue.Command{Request: "open", Actor: "test", Do: queue.OpenDay{}}); err != nil {
			t.Fatal(err)
		}
		k := b.gadget("kiosk-1")
		if got := <-ordering(b, ctx, "kiosk-1", proto.DoTest, ""); !errors.Is(got.err, ErrNotThere) {
			t.Errorf("a kiosk that is not there: %v", got.err)
		}
		tell(k.hello("nonce"))
		if err := b.c.Look(ctx, func(View) {
			all := since[proto.Welcome](b, 0, k.down(proto.DownHello))
			k.sess = all[len(all)-1].Sess
		}); err != nil {
			t.Fatal(err)
		}
		r, err := b.c.Do(ctx, queue.Command{Request: "R1", Actor: "test", Do: queue.Take{Dept: "finance"}})
		if err != nil {
			t.Fatal(err)
		}

		// The first message is lost: the order is sent again with the same id, and answered by a fact.
		wait := ordering(b, ctx, "kiosk-1", proto.DoReprint, strings.ToLower(r.Ticket.Number))
		<-time.After(orderAgain + time.Second) // of the bubble
		synctest.Wait()
		sent := orders(b, ctx, 0, "kiosk-1")
		if len(sent) != 2 || sent[0] != sent[1] || sent[0].Op != proto.DoReprint || sent[0].TID != proto.ID(r.Ticket.ID) || sent[0].Sess != k.sess {
			t.Fatalf("sent %+v", sent)
		}
		id := sent[0].ID
		tell(k.facts(
			k.fact(proto.Fact{K: proto.FactStart, ID: id, TID: proto.ID(r.Ticket.ID), Num: r.Ticket.Number, Q: "finance", N: 1}),
			k.fact(proto.Fact{K: proto.FactEnd, ID: id, TID: proto.ID(r.Ticket.ID), How: proto.HowAsked}),
			k.fact(proto.Fact{K: proto.FactDone, ID: id, How: proto.HowAsked}),
		))
		if got := <-wait; got.how != proto.HowAsked || got.err != nil {
			t.Errorf("the reprint: %+v", got)
		}
		if err := b.c.Look(ctx, func(v View) {
			ticket := v.State().Tickets[r.Ticket.ID]
			if ticket.Papers[queue.RequestID(id)] != queue.PaperAsked || v.Counts()["facts_odd"] != 0 || len(v.c.orders) != 0 {
				t.Errorf("papers %v, counts %v, orders kept %d", ticket.Papers, v.Counts(), len(v.c.orders))
			}
		}); err != nil {
			t.Fatal(err)
		}
		// Nobody waits any more for one that is carried out late; another device's word does not count.
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if got := <-ordering(b, short, "kiosk-1", proto.DoIdentify, ""); !errors.Is(got.err, ErrNoAnswer) {
			t.Errorf("a kiosk that says nothing: %+v", got)
		}
		late := orders(b, ctx, 0, "kiosk-1")
		tell(k.facts(k.fact(proto.Fact{K: proto.FactDone, ID: late[len(late)-1].ID})))
	})
}

func TestOrdersThatMakeNoSense(t *testing.T) {
	inBubble(t, func(b *bench, ctx context.Context) {
		for _, do := range []queue.Wish{
			queue.OpenDay{}, queue.SignOn{Counter: "c3", Officer: "officer-3"}, queue.Take{Dept: "finance"}, queue.Next{Counter: "c3"}, queue.Complete{Counter: "c3", Outcome: queue.Direct},
		} {
			if _, next := do.(queue.Next); next {
				<-time.After(30 * time.Second) // of the bubble: nobody says that its paper is there
			}
			if _, err := b.c.Do(ctx, queue.Command{Request: queue.RequestID(b.random()), Actor: "test", Do: do}); err != nil {
				t.Errorf("%T: %v", do, err)
			}
		}
		for _, c := range []struct{ dev, op, number, says string }{
			{"kiosk-0", proto.DoTest, "", "there is no device"},
			{"kiosk-1", "dance", "", "identify, test, restart, reprint"},
			{"unit-1", proto.DoReprint, "B001", "is no kiosk"},
			{"kiosk-1", proto.DoReprint, "", "which number"},
			{"kiosk-1", proto.DoReprint, "B999", "there is no ticket B999 today"},
			{"kiosk-1", proto.DoReprint, "B001", "is done"},
		} {
			if got := <-ordering(b, ctx, c.dev, c.op, c.number); got.err == nil || !strings.Contains(got.err.Error(), c.says) {
				t.Errorf("%s %s %s: %+v", c.dev, c.op, c.number, got)
			}
		}
		if err := b.c.Look(ctx, func(v View) {
			if len(v.c.orders) != 0 {
				t.Errorf("%d orders are kept", len(v.c.orders))
			}
		}); err != nil {
			t.Fatal(err)
		}
	})
}
