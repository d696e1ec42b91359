package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tap measures from the command for a number to the answer that holds a durable one, everything on: broker, access
// check, session, request id, event, state of the hall to its subscribers. After each ticket its paper is reported,
// as a kiosk does, outside the time that is measured.
func (b *bench) tap(context.Context) (_ []row, err error) {
	d, err := b.fresh("tap", 1, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	dev := d.kioskAt(0)
	if err := dev.open(d.addr, d.secrets[dev.id]); err != nil {
		return nil, err
	}
	defer dev.cut()
	var took sample
	turns := b.pick(2000, 200)
	for i := range turns + turns/10 {
		if err := b.base.turn(); err != nil {
			return nil, err
		}
		cmd := dev.ticket()
		res, t, err := dev.ask(cmd)
		if err != nil {
			return nil, err
		}
		if err := dev.print(cmd.ID, res.Ticket); err != nil {
			return nil, err
		}
		if i == turns/10 { // what comes before warms up
			b.base.reset()
			took = nil
		}
		took = append(took, t)
	}
	floor := b.base.sum
	r50, r99 := over(took.at(50), floor.at(50)), over(took.at(99), floor.at(99))
	return []row{{
		what: "tap to number, durable, over fsync of 4 KiB + MQTT round trip: p50, p99",
		measured: fmt.Sprintf("%.2f, %.2f (%s, %s over %s + %s)", r50, r99, short(took.at(50)), short(took.at(99)),
			short(b.base.fsync.at(50)), short(b.base.trip.at(50))),
		target: "1.25, 1.5", verdict: judge(r50 <= 1.25 && r99 <= 1.5, floor),
	}}, nil
}

// group compares 64 requests at a time with the same program built to commit each by itself, turn by turn.
func (b *bench) group(ctx context.Context) (_ []row, err error) {
	single, err := b.singly(ctx)
	if err != nil {
		return nil, err
	}
	rates := [2]sample{} // time for one turn
	var devs [2][]*device
	for i, bin := range []string{b.program("quhaod"), single} {
		var d *daemon
		if d, err = b.freshOf(bin, fmt.Sprintf("group-%d", i), crowdKiosks, 1); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, d.stop()) }()
		if devs[i], err = d.openKiosks(crowdKiosks); err != nil {
			return nil, err
		}
	}
	const each = 5
	for range b.pick(30, 4) {
		if err := b.base.turn(); err != nil {
			return nil, err
		}
		for i := range devs {
			took, err := together(devs[i], each)
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], took)
		}
	}
	n := float64(2 * crowdKiosks * each)
	ratio := over(rates[1].at(50), rates[0].at(50))
	return []row{{
		what:     fmt.Sprintf("64 at once (%d kiosks, two requests each): group commit over one commit each", crowdKiosks),
		measured: fmt.Sprintf("%.1f (%.0f over %.0f tickets a second)", ratio, n/rates[0].at(50).Seconds(), n/rates[1].at(50).Seconds()),
		target:   "3", verdict: judge(ratio >= 3, b.base.fsync),
	}}, nil
}

// crowdKiosks is how many kiosks make 64 requests at a time, two each: a configuration holds no 64 kiosks.
const crowdKiosks = 32

// openKiosks connects the first n kiosks.
func (d *daemon) openKiosks(n int) ([]*device, error) {
	var out []*device
	for i := range n {
		dev := d.kioskAt(i)
		if err := dev.open(d.addr, d.secrets[dev.id]); err != nil {
			return nil, err
		}
		out = append(out, dev)
	}
	return out, nil
}

// together lets each device take two tickets at once, each times over, and returns how long all took.
func together(devs []*device, each int) (time.Duration, error) {
	errs := make([]error, len(devs))
	var all sync.WaitGroup
	began := time.Now()
	for i, dev := range devs {
		all.Go(func() {
			for range each {
				if errs[i] = dev.two(); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}

// two asks for two tickets before it waits for the answers.
func (d *device) two() error {
	d.deadline(answerWithin)
	for range 2 {
		if err := d.say("cmd", d.ticket()); err != nil {
			return err
		}
	}
	for range 2 {
		b, err := d.await("res")
		if err != nil {
			return err
		}
		if !strings.Contains(string(b), `"s":"ok"`) {
			return fmt.Errorf("%s: %w: %s", d.id, errNotOK, b)
		}
	}
	return nil
}

// singly builds quhaod with batches of one command, by an overlay over one line of the controller.
func (b *bench) singly(ctx context.Context) (string, error) {
	source, err := filepath.Abs(filepath.Join("daemon", "controller", "controller.go"))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("%w: run it in the root of the repository", err)
	}
	const line = "maxBatch     = 512"
	if strings.Count(string(text), line) != 1 {
		return "", fmt.Errorf("%s has no line %q to change", source, line)
	}
	changed := filepath.Join(b.dir, "controller.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), line, "maxBatch     = 1", 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	if err != nil {
		return "", err
	}
	plan := filepath.Join(b.dir, "overlay.json")
	if err := os.WriteFile(plan, overlay, 0o600); err != nil {
		return "", err
	}
	out := filepath.Join(b.dir, "quhaod-single")
	if said, err := exec.CommandContext(ctx, b.goCommand, "build", "-overlay", plan, "-o", out, "./daemon").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with one commit for each command: %w: %s", err, said)
	}
	return out, nil
}
