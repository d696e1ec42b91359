package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"quhao/daemon/broker"
	"quhao/internal/link"
	"quhao/internal/proto"
)

const (
	dialWait   = 5 * time.Second // for TCP
	signInWait = 15 * time.Second
	echoWait   = 2 * time.Second // for one message to come back
	trips      = 50
	doctorID   = controllerName + "-doctor" // client id: with the controller's own the running daemon would be pushed off
	probeWord  = "probe"                    // last level of the topics that the doctor writes to
	slowTrip   = 30 * time.Millisecond
)

// external signs in to the external broker as the controller does, tries what the controller must be allowed, and measures.
func (d *doctor) external(ctx context.Context) {
	addr := linkAddr(d.conf.Centre.Broker.External)
	_, host, _ := strings.Cut(addr, "://")
	reach, err := reachable(ctx, host)
	if err != nil {
		d.bad("broker", "%v: is it running, and does it listen there?", err)
		return
	}
	d.ok("broker", "%s can be reached in %s", host, short(reach))
	secret, err := readSecret(d.data)
	if err != nil {
		d.bad("sign-in", "%v", err)
		return
	}
	all, err := broker.LoadPasswords(filepath.Join(d.data, passwordFile))
	if err != nil || !broker.Verify(all[controllerName], secret) {
		d.bad("sign-in", "%s and %s do not belong together: quhaod enrol -config %s -data %s %s", secretFile, passwordFile, d.folder, d.data, controllerName)
		return
	}
	p, err := signIn(ctx, addr, secret, proto.NewTopics(d.conf.Centre.Prefix))
	if err != nil {
		d.bad("sign-in", "%v: the broker wants a fresh copy of %s, and to be told to read it again", err, filepath.Join(d.data, passwordFile))
		return
	}
	defer p.stop()
	d.ok("sign-in", "the broker takes the name %s and its password", controllerName)
	if d.access(ctx, p) {
		d.roundTrip(ctx, p, reach)
	}
}

// linkAddr is the address of an external broker as package link wants it.
func linkAddr(external string) string {
	return strings.NewReplacer("mqtt://", "tcp://", "mqtts://", "tls://").Replace(external)
}

// reachable is the shortest time of three in which the broker's machine takes a connection: what the network alone costs.
func reachable(ctx context.Context, host string) (time.Duration, error) {
	best := dialWait
	for range 3 {
		began := time.Now()
		conn, err := (&net.Dialer{Timeout: dialWait}).DialContext(ctx, "tcp", host)
		if err != nil {
			return 0, err
		}
		best = min(best, time.Since(began))
		conn.Close()
	}
	return best, nil
}

// prober is two connections with the controller's name: one asks, as a device does, and one answers, as the controller does.
type prober struct {
	ask, answer *link.Link
	stop        func()

	up, down, state string // topics
}

// signIn connects both. The error is the broker's, or that of ctx.
func signIn(ctx context.Context, addr, secret string, t proto.Topics) (*prober, error) {
	p := &prober{
		up: t.Up(controllerName, probeWord), down: t.Down(controllerName, probeWord),
		// A kind of state that no device knows: those that hear all of state/# pass it over.
		state: strings.TrimSuffix(t.Ctl(), "ctl") + probeWord,
	}
	ctx, cancel := context.WithCancel(ctx)
	var links sync.WaitGroup
	p.stop = func() {
		cancel()
		links.Wait()
	}
	connect := func(id string, subscribe ...string) (*link.Link, error) {
		why := refusals(make(chan string, 1))
		l := link.New(link.Options{Addr: addr, ClientID: id, User: controllerName, Password: secret, Subscribe: subscribe}, slog.New(why))
		links.Go(func() {
			if err := l.Run(ctx); err != nil {
				why.keep(err.Error())
			}
		})
		return l, up(ctx, l, why)
	}
	var err error
	if p.answer, err = connect(doctorID, t.AllUp(), p.state); err == nil {
		p.ask, err = connect(doctorID+"-2", p.down)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// up waits until a link is up.
func up(ctx context.Context, l *link.Link, why refusals) error {
	late := time.NewTimer(signInWait)
	defer late.Stop()
	select {
	case <-l.Events(): // the first one is Up
		return nil
	case words := <-why:
		return errors.New(words)
	case <-late.C:
		return fmt.Errorf("no answer within %s", signInWait)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusals is a log handler that hands on why a link could not connect; the link tells nobody else.
type refusals chan string

// Enabled is true: nothing that a link logs is idle talk.
func (refusals) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps the first error.
func (r refusals) Handle(_ context.Context, rec slog.Record) error {
	rec.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			r.keep(a.Value.String())
		}
		return true
	})
	return nil
}

func (r refusals) keep(words string) {
	select {
	case r <- words:
	default:
	}
}

// WithAttrs has nothing to add: the error stands in the record itself.
func (r refusals) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup changes nothing.
func (r refusals) WithGroup(string) slog.Handler { return r }

var errNoEcho = errors.New("it does not come back")

// pass sends a message from one of the connections and waits until it has arrived at the other. The broker's
// acknowledgement proves nothing: Mosquitto acknowledges what its access file drops.
func (p *prober) pass(ctx context.Context, from *link.Link, topic, text string) error {
	if err := from.Publish(proto.Message{Topic: topic, Payload: []byte(text), QoS: 1}); err != nil {
		return err
	}
	late := time.NewTimer(echoWait)
	defer late.Stop()
	for {
		var e link.Event
		select { // both: a connection that nobody reads holds up its own acknowledgements
		case e = <-p.ask.Events():
		case e = <-p.answer.Events():
		case <-late.C:
			return errNoEcho
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case e.Down:
			return fmt.Errorf("the connection was lost: %w", e.Err)
		case e.Msg != nil && e.Msg.Topic == topic && string(e.Msg.Payload) == text:
			return nil
		}
	}
}

// measure asks and answers, one question after another as a visitor's tap is: what stalls does not show under load.
func (p *prober) measure(ctx context.Context) ([]time.Duration, error) {
	all := make([]time.Duration, trips)
	for i := range all {
		began, text := time.Now(), random()
		if err := p.pass(ctx, p.ask, p.up, text); err != nil {
			return nil, fmt.Errorf("question %d of %d: %w", i+1, trips, err)
		}
		if err := p.pass(ctx, p.answer, p.down, text); err != nil {
			return nil, fmt.Errorf("answer %d of %d: %w", i+1, trips, err)
		}
		all[i] = time.Since(began)
	}
	return all, nil
}

// access tries each right that the controller needs; where one is missing nothing else shows it.
func (d *doctor) access(ctx context.Context, p *prober) bool {
	before := d.wrong
	for _, right := range []struct {
		from         *link.Link
		topic, lines string
	}{
		{p.ask, p.up, "read dev/+/up/# (and, as every name, write dev/%u/up/#)"},
		{p.answer, p.down, "write dev/+/down/# (and, as every name, read dev/%u/down/#)"},
		{p.answer, p.state, "write state/# (and, as every name, read state/#)"},
	} {
		if err := p.pass(ctx, right.from, right.topic, random()); err != nil {
			d.bad("access", "a message to %s: %v: the broker's access file must let %s %s", right.topic, err, controllerName, right.lines)
		}
	}
	if d.wrong == before {
		d.ok("access", "%s may hear the devices, speak to them, and publish state", controllerName)
	}
	return d.wrong == before
}

// roundTrip judges how long a question and its answer take through the broker.
func (d *doctor) roundTrip(ctx context.Context, p *prober, reach time.Duration) {
	all, err := p.measure(ctx)
	if err != nil {
		d.bad("round trip", "%v", err)
		return
	}
	mid := median(all)
	words := fmt.Sprintf("%s is the median of %d questions and answers through the broker", short(mid), trips)
	switch {
	case stalls(all, reach):
		d.bad("round trip", "%s, though the network takes %s: the broker waits for delayed acknowledgements of TCP; write set_tcp_nodelay true into mosquitto.conf and restart it", words, short(reach))
	case mid > slowTrip:
		d.bad("round trip", "%s, the network alone takes %s: each tap waits that long; bring the broker nearer, or use the one inside quhaod", words, short(reach))
	default:
		d.ok("round trip", "%s", words)
	}
}

// stalls says whether round trips show Nagle's algorithm against delayed acknowledgements: Linux delays an
// acknowledgement by at least 40 ms, so at least half of the trips take that and somewhat more, while the network by itself is far faster.
func stalls(all []time.Duration, reach time.Duration) bool {
	const from, to = 38 * time.Millisecond, 80 * time.Millisecond
	plateau := 0
	for _, t := range all {
		if t >= from && t < to {
			plateau++
		}
	}
	return 2*plateau >= len(all) && median(all) > 4*reach
}

// median is the middle one of some durations, at least one.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// short is a duration as a person reads it, in milliseconds.
func short(t time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(t)/float64(time.Millisecond))
}
