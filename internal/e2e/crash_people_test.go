package e2e

import (
	"fmt"
	"math/rand/v2"
	"time"

	"quhao/internal/proto"
)

// people lets everybody go about their business until the function it returns is called.
func (c *crash) people() (stop func()) {
	enough := make(chan struct{})
	var crowd crew
	for i, m := range c.kiosks {
		crowd.Go(func() error { return c.visitors(m, c.person(i), enough) })
	}
	for i, m := range c.units {
		crowd.Go(func() error { return c.officer(m, c.person(10+i), enough) })
	}
	for i, p := range c.posts {
		crowd.Go(func() error { return c.post(p, c.person(20+i), enough) })
	}
	crowd.Go(func() error { return c.call(c.person(30), enough) })
	return func() {
		c.t.Helper()
		close(enough)
		if err := crowd.Wait(); err != nil {
			c.t.Fatal(err)
		}
	}
}

// person is the chance in what one person does.
func (c *crash) person(i int) *rand.Rand { return rand.New(rand.NewPCG(c.rng.Uint64(), uint64(i))) }

// nowAndThen does something again and again, with random pauses, until enough is closed or it fails.
func nowAndThen(r *rand.Rand, from, to time.Duration, enough <-chan struct{}, do func() error) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-enough:
			return nil
		case <-next.C:
			if err := do(); err != nil {
				return err
			}
			next.Reset(from + time.Duration(r.Int64N(int64(to-from))))
		}
	}
}

// visitors press a key of the kiosk while it works. Nobody presses the same key twice at once: that would be a bounce.
func (c *crash) visitors(m *mortal, r *rand.Rand, enough <-chan struct{}) error {
	return nowAndThen(r, 700*time.Millisecond, 1500*time.Millisecond, enough, func() error {
		if m.dead.Load() {
			return nil
		}
		c.taps.Add(1)
		m.kiosk.tap()
		return nil
	})
}

// officer goes through a visit again and again, whatever the display says: what makes no sense now is refused.
func (c *crash) officer(m *mortal, r *rand.Rand, enough <-chan struct{}) error {
	step := 0
	return nowAndThen(r, 120*time.Millisecond, 250*time.Millisecond, enough, func() error {
		if m.dead.Load() {
			return nil
		}
		key := []string{"next", "start", "next", "start", "complete", "rate 5"}[step%6]
		switch step++; key {
		case "next":
			c.nexts.Add(1)
		case "rate 5":
			c.scores.Add(1)
		}
		m.press(key)
		return nil
	})
}

// post takes numbers at a kiosk of the post office and prints them; a fifth of the requests is made twice, and must get
// the same answer.
func (c *crash) post(p *client, r *rand.Rand, enough <-chan struct{}) error {
	take := func(id proto.ID) (proto.Res, error) {
		res, err := p.do(proto.Cmd{ID: id, Op: proto.OpTicket, Q: "post"})
		if err == nil {
			err = c.given.add(id, res)
		}
		return res, err
	}
	return nowAndThen(r, 80*time.Millisecond, 120*time.Millisecond, enough, func() error {
		for first := true; first || c.burst.Load(); first = false {
			id := newID()
			res, err := take(id)
			if err != nil {
				return err
			}
			if r.IntN(5) == 0 {
				c.repeats.Add(1)
				if _, err := take(id); err != nil {
					return err
				}
			}
			if err := p.print(id, res.Ticket); err != nil {
				return err
			}
		}
		return nil
	})
}

// call presses next at the post's counter, a fifth of the times twice with the same id: both get the same answer, and
// one visitor is called.
func (c *crash) call(r *rand.Rand, enough <-chan struct{}) error {
	return nowAndThen(r, 50*time.Millisecond, 150*time.Millisecond, enough, func() error {
		st, err := c.caller.await(postCounter, func(st proto.CounterState) bool { return st.S != "" })
		if err != nil {
			return err
		}
		press := proto.Cmd{ID: newID(), Op: proto.OpNext, Counter: postCounter, IfVer: &proto.At{Epoch: st.Epoch, Ver: st.CV}}
		res, err := c.caller.do(press)
		if err != nil {
			return err
		}
		if res.S == proto.ResOK {
			c.called.Store(requestOf(press.ID), true)
		}
		if r.IntN(5) > 0 {
			return nil
		}
		c.repeats.Add(1)
		again, err := c.caller.do(press)
		if err != nil {
			return err
		}
		if res.S == proto.ResOK && again.S != proto.ResOK {
			return fmt.Errorf("press %s was answered %q and then %q", press.ID, res.S, again.S)
		}
		if again.S == proto.ResOK {
			c.called.Store(requestOf(press.ID), true)
		}
		return nil
	})
}
