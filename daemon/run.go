package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"quhao/daemon/broker"
	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/daemon/web"
	"quhao/internal/config"
	"quhao/internal/link"
	"quhao/internal/proto"
)

// runOptions are the flags of quhaod run.
type runOptions struct {
	config string
	data   string
	mqtt   string // listen here instead of where the configuration says
	http   string
	manual bool // do not open a day at the start

	backups       []string // folders for copies of the database; none means backups in the data folder
	hourly, daily int      // copies kept in each
}

// checkWait is how long a start waits for the quick check of the database: longer than a hundred days of history take.
// That of a larger one goes on while the hall works, and an alarm says what it finds.
const checkWait = 300 * time.Millisecond

func runCommand(ctx context.Context, args []string, stderr io.Writer) error {
	var o runOptions
	rest, err := flags("run", args, func(fs *flag.FlagSet) {
		fs.StringVar(&o.config, "config", "", "folder of centre.yaml")
		fs.StringVar(&o.data, "data", "", "folder of the database")
		fs.StringVar(&o.mqtt, "mqtt", "", "listen for devices here, host:port")
		fs.StringVar(&o.http, "http", "", "serve the pages here, host:port")
		fs.Func("backups", "folder for copies of the database, best on another disk; may be given twice; default backups in the data folder", func(dir string) error {
			o.backups = append(o.backups, dir)
			return nil
		})
		fs.IntVar(&o.hourly, "keep-hourly", keepHourly, "how many of the newest copies are kept in each folder")
		fs.IntVar(&o.daily, "keep-daily", keepDaily, "of how many dates before these the last copy is kept as well")
		fs.BoolVar(&o.manual, "manual", false, "do not open a service day at the start")
	})
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError{fmt.Sprintf("run: what is %q?", rest[0])}
	case o.config == "" || o.data == "":
		return usageError{"run needs -config and -data"}
	case o.hourly < 1 || o.daily < 0:
		return usageError{"run: -keep-hourly is at least 1, -keep-daily at least 0"}
	}
	conf, mistakes := config.Load(o.config)
	if len(mistakes) > 0 {
		return mistakes
	}
	if o.mqtt != "" {
		conf.Centre.Broker.Listen, conf.Centre.Broker.External = o.mqtt, ""
	}
	if o.http != "" {
		conf.Centre.HTTP = o.http
	}
	return run(ctx, conf, o, slog.New(slog.NewTextHandler(stderr, nil)))
}

func random() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// pipe is the broker as the daemon uses it: the embedded one, or a link to one elsewhere.
type pipe interface {
	Publish(m proto.Message) error
	Run(ctx context.Context) error
}

// publisher stands in for the pipe until it is made: the pipe needs the controller, the controller needs somewhere to publish.
type publisher struct{ pipe pipe }

func (p *publisher) Publish(m proto.Message) error { return p.pipe.Publish(m) }

// mouth is what the controller speaks through. That our own broker does not run yet, or no more, is no fault of its: the
// announcer has everything said again once it is up.
type mouth struct{ *publisher }

func (m mouth) Publish(msg proto.Message) error {
	if err := m.publisher.Publish(msg); !errors.Is(err, broker.ErrClosed) {
		return err
	}
	return nil
}

// reload lets the embedded broker read the passwords anew; one elsewhere has its own way to be told.
func (p *publisher) reload() error {
	if b, embedded := p.pipe.(*broker.Broker); embedded {
		return b.Reload()
	}
	return nil
}

// where is the address of a device that is connected, "" if the broker is elsewhere and does not tell.
func (p *publisher) where(dev string) string {
	if b, embedded := p.pipe.(*broker.Broker); embedded {
		return b.Where(dev)
	}
	return ""
}

// figures are those of the pipe for the metrics. The pipe must have been made.
func (p *publisher) figures() prometheus.Collector {
	switch pipe := p.pipe.(type) {
	case *broker.Broker:
		return brokerFigures(pipe.Counters)
	case *linkPipe:
		return linkFigures(pipe.up.Load)
	}
	return nil
}

// run wires the daemon together and runs it until ctx ends or a part of it fails.
func run(ctx context.Context, conf *config.Config, o runOptions, log *slog.Logger) error {
	started, out, figures, al := time.Now(), &publisher{}, newMetrics(), &alarms{log: log}
	st, kept, err := openStore(o.data, al, log)
	if err != nil {
		return startError{err}
	}
	defer closeStore(st, log)
	ctl, err := controller.New(controller.Options{
		Config: conf, Store: timedStore{st, figures, kept}, Publisher: mouth{out}, Keys: controller.NewFileKeys(o.data), Random: random, Where: out.where, Log: log,
		Clock: time.Now, Tight: kept.Tight,
	}, time.Now())
	if err != nil {
		return startError{err}
	}
	g, gctx := errgroup.WithContext(ctx)
	say := &announcer{conf: conf, topics: proto.NewTopics(conf.Centre.Prefix), ctl: ctl, out: out, log: log, ver: uint64(started.Unix())}
	where, err := openPipe(gctx, conf, o, say, out, log)
	if err != nil {
		return startError{err}
	}
	site, err := figures.mount(al, web.Handler(ctl, conf, version), ctl, st, out.figures())
	if err != nil {
		return startError{err}
	}
	pages, scheme, err := listenPages(conf.Centre, o.data, started)
	if err != nil {
		return startError{err}
	}
	sock, err := listenSocket(o.data)
	if err != nil {
		return startError{err}
	}
	// The pipe ends after the controller, whose last word is that it takes leave: else devices wait 15 s to notice.
	pctx, leave := context.WithCancel(context.WithoutCancel(gctx))
	defer leave()
	g.Go(func() error {
		defer leave()
		return ctl.Run(gctx)
	})
	g.Go(func() error { return out.pipe.Run(pctx) })
	if conf.Centre.Broker.External == "" {
		g.Go(func() error { return say.untilUp(gctx) })
	}
	g.Go(func() error { return serve(gctx, pages, site) })
	g.Go(func() error {
		return serve(gctx, sock, talkHandler(&talker{ctl: ctl, st: st, conf: conf, now: time.Now, reload: out.reload, alarms: al}))
	})
	keepHouse(gctx, g, newBackups(o, st, al, log, started), kept, ctl)
	g.Go(func() error { return al.watchCheck(gctx, st) })
	g.Go(func() error { return tidy(gctx, out.connected) })
	if !o.manual {
		beginDay(gctx, g, ctl, log)
	}
	if err := notify("READY=1"); err != nil {
		log.Warn("the service manager does not listen", "err", err)
	}
	log.Info("ready", "mqtt", where, "http", scheme+"://"+pages.Addr().String(), "version", version,
		"after", time.Since(started).Round(time.Millisecond).String())
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// keepHouse runs what looks after the data while the controller works.
func keepHouse(ctx context.Context, g *errgroup.Group, copies *backups, kept *reserve, ctl *controller.Controller) {
	g.Go(func() error { return copies.run(ctx, ctl) })
	g.Go(func() error { return copies.watch(ctx) })
	g.Go(func() error { return kept.run(ctx, ctl.Republish) })
	g.Go(func() error { return watchdog(ctx, ctl) })
}

// openStore opens the database and takes the space in reserve, which is given up if the disk is too full for a start.
func openStore(data string, al *alarms, log *slog.Logger) (*store.Store, *reserve, error) {
	st, err := store.Open(data, store.Options{CheckWait: checkWait})
	if store.Full(err) {
		if os.Remove(filepath.Join(data, reserveFile)) == nil {
			st, err = store.Open(data, store.Options{CheckWait: checkWait})
		}
	}
	if err != nil {
		return nil, nil, err
	}
	kept, err := openReserve(data, al, log)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return st, kept, nil
}

func closeStore(st *store.Store, log *slog.Logger) {
	if err := st.Close(); err != nil {
		log.Warn("the database was not closed in order; what was committed is safe", "err", err)
	}
}

// listenPages opens the address of the pages: encrypted beyond this machine, unless the configuration says otherwise.
func listenPages(c *config.Centre, data string, now time.Time) (l net.Listener, scheme string, err error) {
	if l, err = net.Listen("tcp", c.HTTP); err != nil {
		return nil, "", fmt.Errorf("serve pages: %w: choose another address with -http", err)
	}
	if c.HTTPPlain || l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return l, "http", nil
	}
	ca, err := openAuthority(data, now)
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	conf, err := ca.server(now)
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	return tls.NewListener(l, conf), "https", nil
}

// openPipe makes the embedded broker, or a link to an external one, and says where devices find it.
func openPipe(ctx context.Context, conf *config.Config, o runOptions, say *announcer, out *publisher, log *slog.Logger) (string, error) {
	if conf.Centre.Broker.External != "" {
		return conf.Centre.Broker.External, openLink(conf, o, say, out, log)
	}
	opts := broker.Options{
		Listen: conf.Centre.Broker.Listen, TLSListen: conf.Centre.Broker.TLS, Prefix: strings.TrimSuffix(say.topics.Ctl(), "state/ctl"),
		Passwords: filepath.Join(o.data, passwordFile),
		OnMessage: func(client string, m proto.Message) { say.ctl.Message(ctx, client, m) },
	}
	if opts.TLSListen != "" {
		ca, err := openAuthority(o.data, time.Now())
		if err != nil {
			return "", err
		}
		if opts.TLS, err = ca.server(time.Now()); err != nil {
			return "", err
		}
	}
	b, err := broker.New(opts, log)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("%w: choose another address with -mqtt", err)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: no device has a secret yet, begin with quhaod enrol", err)
	case err != nil:
		return "", err
	}
	out.pipe = b
	return addresses(b.Addr()), nil
}

// addresses names where the broker listens, for the log.
func addresses(plain, secure net.Addr) string {
	var all []string
	if plain != nil {
		all = append(all, plain.String())
	}
	if secure != nil {
		all = append(all, secure.String()+" (TLS)")
	}
	return strings.Join(all, ", ")
}

// openLink connects to a broker elsewhere, as the client quhaod.
func openLink(conf *config.Config, o runOptions, say *announcer, out *publisher, log *slog.Logger) error {
	secret, err := readSecret(o.data)
	if err != nil {
		return err
	}
	will, err := proto.Encode(proto.Ctl{V: proto.Version, S: "lost"})
	if err != nil {
		return err
	}
	l := link.New(link.Options{
		Addr: linkAddr(conf.Centre.Broker.External), ClientID: controllerName + "-" + random()[:8], User: controllerName, Password: secret,
		Will:    proto.Message{Topic: say.topics.Ctl(), Payload: will, Retain: true, QoS: 1},
		Refused: 10 * time.Second, // the whole hall waits for this one
		// Another controller must be heard, so it must not be thrown out by our name: it has the same one.
		Subscribe: []string{say.topics.AllUp(), say.topics.Ctl()},
	}, log)
	out.pipe = &linkPipe{Link: l, say: say}
	return nil
}

// linkPipe hands what arrives on a link to the controller, and announces everything at each new connection.
type linkPipe struct {
	*link.Link
	say *announcer
	up  atomic.Bool // for the metrics
}

// Run runs the link and hands over until ctx ends.
func (p *linkPipe) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.Link.Run(ctx) })
	g.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case e := <-p.Events():
				p.take(ctx, e)
			}
		}
	})
	return g.Wait()
}

func (p *linkPipe) take(ctx context.Context, e link.Event) {
	switch {
	case e.Up:
		p.up.Store(true)
		if err := p.say.announce(ctx); err != nil {
			p.say.log.Warn("not everything could be announced; the next connection does it again", "err", err)
		}
	case e.Down:
		p.up.Store(false)
	case e.Msg != nil && e.Msg.Topic == p.say.topics.Ctl():
		p.say.ctl.Message(ctx, controllerName, *e.Msg)
	case e.Msg != nil:
		if dev, _, ok := p.say.topics.ReadUp(e.Msg.Topic); ok && dev != controllerName { // quhaod doctor tries the broker in our name
			p.say.ctl.Message(ctx, dev, *e.Msg)
		}
	}
}

// serve runs an HTTP server on a listener until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-ctx.Done():
		case <-done:
		}
		_ = s.Close()
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return ctx.Err()
}

func newRequest(now time.Time) queue.RequestID {
	var r [10]byte
	rand.Read(r[:])
	return queue.RequestID(proto.NewID(now.UnixMilli(), r))
}
