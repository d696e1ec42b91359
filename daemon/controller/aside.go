package controller

import (
	"fmt"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// AsideError says that another controller speaks on this broker, with a later epoch: two that give numbers would give them twice.
// From then on this one is silent: it says nothing, takes nothing and answers every command with this error, until it is
// started again. Its own log notes first that a recovery has begun, so that after that start it gives no number before it has
// learnt from the kiosks' journals what the other one gave.
type AsideError struct {
	Boot  proto.Boot
	Epoch proto.Epoch
	Ours  uint64 // the epoch of this one
}

func (e *AsideError) Error() string {
	return fmt.Sprintf("另一台控制器正在使用同一消息服务器(启动标识 %.8s，届次 %d，本机 %d)，本机已停止发号和叫号。请停止其中一台；若保留本机，停止另一台后重启 quhaod，取号机补交记录后自动恢复 / "+
		"another controller speaks on this broker (boot %.8s, epoch %d, ours is %d): this one has stopped giving numbers and calling. "+
		"Stop one of the two. To go on with this one, stop the other and restart quhaod here: it goes on by itself when the kiosks have handed in their journals",
		e.Boot, e.Epoch, e.Ours, e.Boot, e.Epoch, e.Ours)
}

// other takes a controller's state from the broker: our own comes back, and so may that of another one. A retained copy proves
// only that there was one, not that it lives; one with a lower epoch hears us and stands aside itself.
func (b *batch) other(m proto.Message) {
	ctl, err := proto.Decode[proto.Ctl](m.Payload)
	switch {
	case err != nil:
		b.bad("", m.Topic, err)
	case m.Retain || ctl.Boot == "" || ctl.Boot == b.boot || ctl.S == "off" || ctl.S == "lost":
	case uint64(ctl.Epoch) > b.Controller.epoch && ctl.Epoch <= maxEpoch && b.aside == nil: // than what was committed
		b.aside = &AsideError{Boot: ctl.Boot, Epoch: ctl.Epoch, Ours: b.Controller.epoch}
		b.count["stood_aside"]++
		b.log.Error("another controller has spoken", "what", b.aside.Error())
	}
}

// standAside answers what waits for an answer, and sees to it that the log says what has happened.
func (c *Controller) standAside(now time.Time, batch []Input) {
	for _, in := range batch {
		switch {
		case in.Do != nil:
			in.Reply(Result{}, c.aside)
		case in.View != nil:
			in.View(View{c})
		}
	}
	if since := now.Sub(c.probeAt); !c.noted && (since < 0 || since >= probeEvery) {
		c.noteAside(now)
	}
}

// noteAside commits the beginning of a recovery; where that fails, it is tried again.
func (c *Controller) noteAside(now time.Time) {
	c.probeAt = now
	if c.ahead {
		if err := c.load(); err != nil {
			c.log.Error("the database cannot be read", "err", err)
			return
		}
	}
	if !c.state.Recovering {
		b := c.begin(now)
		c.ahead = true
		why := fmt.Sprintf("another controller spoke: boot %s, epoch %d", c.aside.Boot, c.aside.Epoch)
		if _, no := b.decide(queue.Command{Actor: "controller", Do: queue.BeginRecovery{Why: why}}); no != nil {
			c.log.Error("the recovery cannot begin", "err", no)
			return
		}
		if err := b.commit(); err != nil {
			c.log.Error("the beginning of the recovery cannot be written; it is tried again", "err", err)
			return
		}
		c.ahead = false
	}
	c.faulted, c.noted = nil, true
	clear(c.sessions)
}
