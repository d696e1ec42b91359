package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/daemon/broker"
	"quhao/internal/proto"
)

const (
	beatEvery = 10 * time.Second
	quietFor  = 3 * time.Second // until what was said is read, and garbage is gone after a start or a rush
	restFor   = time.Minute     // after the storms, until memory is looked at
)

// memory measures the controller: with the small sample configuration and nobody connected, then with a thousand
// devices, which is about all that a configuration holds, and a thousand more that only the broker lets in; then a
// minute after three storms of all of them.
func (b *bench) memory(ctx context.Context) (_ []row, err error) {
	small, err := b.fresh("memory-idle", 2, 4)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(quietFor):
	case <-ctx.Done():
	}
	idle, err := resident(small.cmd.Process.Pid)
	if err := errors.Join(err, small.stop()); err != nil {
		return nil, err
	}
	n := b.pick(2000, 200)
	f, err := b.doubled(n / 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.d.stop()) }()
	defer f.cut()
	if err := f.settled(); err != nil {
		return nil, err
	}
	empty, err := resident(f.d.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	full, after, err := b.storms(ctx, f)
	if err != nil {
		return nil, err
	}
	const mb, kb = 1 << 20, 1 << 10
	per := float64(full-empty) / float64(n) / kb
	return []row{{
		what: fmt.Sprintf("controller memory: idle; with %d devices, each; a minute after 3 storms of them", n),
		measured: fmt.Sprintf("%.1f MB; %.1f KB (%.1f MB on top of %.1f); %.1f MB", float64(idle)/mb, per,
			float64(full-empty)/mb, float64(empty)/mb, float64(after)/mb),
		target:  fmt.Sprintf("25 MB; 45 KB; %.0f MB", float64(idle+int64(n)*60*kb)/mb),
		verdict: judge(idle <= 25*mb && per <= 45 && after <= idle+int64(n)*60*kb, nil),
	}}, nil
}

// storms connects all devices, and cuts them off and lets them back three times. It returns the controller's memory
// when all are connected for the first time, and a minute after the last storm. All the time the devices speak and listen.
func (b *bench) storms(ctx context.Context, f *fleet) (full, after int64, err error) {
	for i := range 4 {
		if err := f.each(func(dev *device) error { return f.enter(ctx, dev) }); err != nil {
			return 0, 0, fmt.Errorf("connection %d: %w", i, err)
		}
		wait := quietFor
		if i == 3 && !b.short {
			wait = restFor
		}
		if err := f.live(ctx, wait); err != nil {
			return 0, 0, err
		}
		if after, err = resident(f.d.cmd.Process.Pid); err != nil {
			return 0, 0, err
		}
		if i == 0 {
			full = after
		}
		if i < 3 {
			f.cut()
		}
	}
	return full, after, nil
}

// doubled makes a controller with n devices of its configuration and n more that only have a password.
func (b *bench) doubled(n int) (*fleet, error) {
	c, data, err := b.newCentre("memory", maxKiosks, n-maxKiosks)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(data, "passwords")
	all, err := broker.LoadPasswords(file)
	if err != nil {
		return nil, err
	}
	var more []*device
	for i := range n {
		dev := &device{id: fmt.Sprintf("guest-%d", i), topics: proto.NewTopics("")}
		c.secrets[dev.id] = random()
		if all[dev.id], err = broker.HashPassword(c.secrets[dev.id]); err != nil {
			return nil, err
		}
		more = append(more, dev)
	}
	if err := all.Save(file); err != nil {
		return nil, err
	}
	d, err := c.run(b.program("quhaod"), data)
	if err != nil {
		return nil, err
	}
	f := fleetOf(d)
	f.devs = append(f.devs, more...)
	return f, nil
}

// enter is back for a device of the configuration; a guest only connects and subscribes.
func (f *fleet) enter(ctx context.Context, dev *device) error {
	if dev.kind != "" {
		return f.back(ctx, dev)
	}
	return f.redial(ctx, func() (err error) {
		if dev.client, err = dial(f.d.addr, dev.id, f.d.secrets[dev.id], dev.topics); err != nil {
			return err
		}
		dev.deadline(answerWithin)
		return dev.subscribe(dev.topics.AllDown(dev.id), dev.topics.Ctl(), dev.topics.Hall("hall"))
	})
}

// live lets every device read what comes, and say that it is there every 10 s, for a while.
func (f *fleet) live(ctx context.Context, d time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	until := time.Now().Add(d)
	for _, dev := range f.devs {
		g.Go(func() error { return dev.live(ctx, until) })
	}
	return g.Wait()
}

func (d *device) live(ctx context.Context, until time.Time) error {
	for _, m := range d.held {
		d.heard(m)
	}
	d.held = nil
	beat := time.Now().Add(beatEvery)
	for ctx.Err() == nil && time.Now().Before(until) {
		next := until
		if beat.Before(next) {
			next = beat
		}
		for {
			more, err := d.waiting(next)
			if err != nil {
				return fmt.Errorf("%s: %w", d.id, err)
			}
			if !more {
				break
			}
			d.deadline(answerWithin)
			kind, body, err := d.packet()
			if err != nil {
				return fmt.Errorf("%s: %w", d.id, err)
			}
			if kind&0xf0 == packetPublish {
				m, err := d.message(kind, body)
				if err != nil {
					return fmt.Errorf("%s: %w", d.id, err)
				}
				d.heard(m)
			}
		}
		if time.Now().Before(beat) {
			continue
		}
		beat = beat.Add(beatEvery)
		if err := d.beat(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// beat says that the device is there: a heartbeat in session, otherwise a ping of MQTT.
func (d *device) beat() error {
	if d.kind == "" {
		return d.send(packetPing, nil)
	}
	beat := proto.Beat{V: proto.Version, Mark: d.mark()}
	if d.counter != "" {
		beat.Shown = map[string]proto.At{d.counter: d.state.At()}
	}
	return d.say(proto.UpBeat, beat)
}
