package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const (
	smallHistory = 10_000 // tickets
	perDay       = 1000   // tickets of one day
)

// past compares two controllers, turn by turn: one with 10,000 tickets of history and one with a million, each closed
// day whole: taken, called, begun, ended.
func (b *bench) past(ctx context.Context) (_ []row, err error) {
	large := b.history
	if b.short {
		large = min(large, 100_000)
	}
	began := time.Now()
	folders, err := b.build(ctx, smallHistory, large)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b.out, "         %d tickets of history made in %s, %s\n", large, short(time.Since(began)), megabytes(filepath.Join(folders[1].data, "quhao.db")))
	var desks [2]*desk
	for i, f := range folders {
		var d *daemon
		if d, err = f.centre.run(b.program("quhaod"), f.data); err != nil {
			return nil, err
		}
		if i == 1 {
			fmt.Fprintf(b.out, "         quhaod started on it in %s\n", short(time.Since(d.began)))
		}
		defer func() { err = errors.Join(err, d.stop()) }()
		if _, _, err = d.await(wholeLine()); err != nil { // the check of a large database goes on beside the work
			return nil, err
		}
		if desks[i], err = d.desk(); err != nil {
			return nil, err
		}
	}
	turns := b.pick(1000, 100)
	for i := range turns + turns/10 {
		if err := b.base.turn(); err != nil {
			return nil, err
		}
		if i == turns/10 {
			b.base.reset()
			for _, d := range desks {
				d.issue, d.call = nil, nil
			}
		}
		for j := range desks { // which is first changes from turn to turn
			if err := desks[(i+j)%2].turn(); err != nil {
				return nil, err
			}
		}
	}
	issue, call := over(desks[1].issue.at(50), desks[0].issue.at(50)), over(desks[1].call.at(50), desks[0].call.at(50))
	return []row{{
		what:     fmt.Sprintf("issue and call next with %d tickets of history over %d: p50", large, smallHistory),
		measured: fmt.Sprintf("%.2f, %.2f (%s, %s)", issue, call, short(desks[1].issue.at(50)), short(desks[1].call.at(50))),
		target:   "1.15; no SCAN (TestPlans)", verdict: judge(max(issue, call) <= 1.15, b.base.sum),
	}}, nil
}

// wholeLine is what quhaod says when it has looked over its database.
func wholeLine() *regexp.Regexp { return regexp.MustCompile(`the database was looked over`) }

// folder is a centre with its data.
type folder struct {
	*centre
	data string
}

// build makes both histories: the small one is a copy of the beginning of the large one.
func (b *bench) build(ctx context.Context, small, large int) (out [2]folder, err error) {
	for i, name := range []string{"history-small", "history-large"} {
		c, data, err := b.newCentre(name, 1, 1)
		if err != nil {
			return out, err
		}
		out[i] = folder{c, data}
	}
	days := large / perDay
	at := time.Now().Add(-time.Duration(days+1) * 24 * time.Hour).Truncate(time.Millisecond)
	s, err := openSeeder(out[1].centre, out[1].data, at)
	if err != nil {
		return out, err
	}
	for day := range days {
		s.now = at.Add(time.Duration(day) * 24 * time.Hour)
		if err := errors.Join(s.day(out[1].centre, perDay), ctx.Err()); err != nil {
			return out, errors.Join(err, s.st.Close())
		}
		if (day+1)*perDay != small {
			continue
		}
		if err := s.flush(); err != nil {
			return out, errors.Join(err, s.st.Close())
		}
		if err := s.st.Backup(ctx, filepath.Join(out[0].data, "quhao.db")); err != nil {
			return out, errors.Join(err, s.st.Close())
		}
	}
	return out, s.close()
}

// desk is a kiosk and a counter with an officer.
type desk struct {
	kiosk, unit *device
	issue, call sample
}

// desk connects both and signs the officer on.
func (d *daemon) desk() (*desk, error) {
	if err := d.tell("sign", "on", d.counter(0), d.officer(0)); err != nil {
		return nil, err
	}
	out := &desk{kiosk: d.kioskAt(0), unit: d.unitAt(0)}
	for _, dev := range []*device{out.kiosk, out.unit} {
		if err := dev.open(d.addr, d.secrets[dev.id]); err != nil {
			return nil, err
		}
		if err := dev.awaitState(dev.inState); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// turn takes a ticket, prints it, and calls it.
func (d *desk) turn() error {
	cmd := d.kiosk.ticket()
	res, took, err := d.kiosk.ask(cmd)
	if err != nil {
		return err
	}
	d.issue = append(d.issue, took)
	if err := d.kiosk.print(cmd.ID, res.Ticket); err != nil {
		return err
	}
	res, took, err = d.unit.ask(d.unit.call())
	if err != nil {
		return err
	}
	d.call = append(d.call, took)
	if res.Ver == nil {
		return io.ErrUnexpectedEOF
	}
	return d.unit.awaitState(func() bool { return !res.Ver.After(d.unit.state.At()) })
}

func megabytes(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d MB", info.Size()>>20)
}
