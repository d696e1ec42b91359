package station

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"quhao/drivers/port"
	"quhao/drivers/usb"
	"quhao/internal/config"
	"quhao/internal/device"
	"quhao/internal/link"
	"quhao/internal/proto"
)

// ErrRestart is wrapped by the error of Run when another configuration has come and was kept: the program ends and is
// started again with it.
var ErrRestart = errors.New("it ends to be started again")

// ErrBusy is wrapped by the error of Open when another program uses the data folder.
var ErrBusy = errors.New("the data folder is in use by another program")

// Pipe is the way to the controller; *link.Link is one.
type Pipe interface {
	// Run keeps the connection until ctx ends.
	Run(ctx context.Context) error
	// Publish hands a message over at once, or says that it cannot.
	Publish(m proto.Message) error
	// Rest breaks the connection and dials no sooner than after d.
	Rest(d time.Duration)
	// Events tells in order what happens.
	Events() <-chan link.Event
}

// Options say which device this is and where its things are.
type Options struct {
	IdentityFile string // made by quhaod enrol
	DataDir      string // made if it does not exist; locked while the station is open
	LocalFile    string // a configuration folder, or a device file, instead of what the controller serves; may be empty
	Kind         proto.Kind
	FW           string // version of the program
	Log          *slog.Logger
	Trace        *Trace // hears all lines; nil for none
	Bench        bool   // a person tries the parts: the trace shows the numbers of cards as well
	// Subscribe names the states that the device wants, as topic filters; state/ctl and down/# are always there.
	Subscribe func(proto.Topics, *config.Device) []string
	// Dial makes the pipe; nil means MQTT by internal/link.
	Dial func(link.Options) Pipe
}

// Station is a device that knows who it is and what hangs on it. Its fields are not changed after Open.
type Station struct {
	ID      string
	Kind    proto.Kind
	FW      string
	Dir     string         // the data folder
	Device  *config.Device // checked
	Centre  *config.Centre // names of departments and counters; nil if only a device file was given
	Journal *device.Journal
	Topics  proto.Topics
	Boot    proto.Boot
	Log     *slog.Logger

	start  time.Time
	lock   *os.File
	disk   *device.FileDisk
	broken <-chan struct{} // closed when the journal is not trusted any more
	pipe   Pipe
	events chan link.Event
	held   served // the configuration in use; empty with LocalFile
	trace  *Trace
	bench  bool
	local  bool             // with LocalFile: what the controller serves is not taken
	told   *proto.CfgReport // to be published when connected
}

// Open makes everything ready: the identity is read, the data folder locked, the journal opened, and the configuration
// taken from LocalFile, or from the copy of the last one, or, if there is none, from the controller, for which it waits.
// A configuration with mistakes is a config.Mistakes. Close gives everything back.
func Open(ctx context.Context, o Options) (_ *Station, err error) {
	id, err := ReadIdentity(o.IdentityFile)
	if err != nil {
		return nil, err
	}
	if o.Dial == nil {
		o.Dial = func(l link.Options) Pipe { return link.New(l, o.Log) }
	}
	s := &Station{
		ID: id.ID, Kind: o.Kind, FW: o.FW, Dir: o.DataDir, Topics: proto.NewTopics(id.Prefix), Log: o.Log,
		start: time.Now(), events: make(chan link.Event), local: o.LocalFile != "",
		trace: o.Trace, bench: o.Bench,
	}
	s.Boot = proto.Boot(s.Random())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.openFolder(); err != nil {
		return nil, err
	}
	found, err := s.configuration(ctx, o, id)
	if err != nil {
		return nil, err
	}
	s.Device, s.Centre = found.device, found.centre
	filters := []string{s.Topics.AllDown(s.ID), s.Topics.Ctl()}
	if o.Subscribe != nil {
		filters = append(filters, o.Subscribe(s.Topics, s.Device)...)
	}
	s.pipe = o.Dial(s.linkOptions(id, filters))
	return s, nil
}

func (s *Station) linkOptions(id Identity, filters []string) link.Options {
	return link.Options{
		Addr: id.Controller, ClientID: id.ID, User: id.ID, Password: id.Secret, TLS: id.TLS(), Subscribe: filters,
		Will: proto.Message{Topic: s.Topics.Up(s.ID, proto.UpAvail), Payload: []byte(`{"s":"lost"}`), Retain: true, QoS: 1},
	}
}

// openFolder makes and locks the data folder and opens the journal in it.
func (s *Station) openFolder() error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrBusy
		}
		return errors.Join(fmt.Errorf("lock %s: %w", s.Dir, err), f.Close())
	}
	s.lock = f
	if s.disk, err = device.OpenDisk(s.Dir); err != nil {
		return err
	}
	disk := newLoud(s.disk, s.Log.With("device", s.ID))
	s.Journal, err = device.OpenJournal(disk, func() proto.Install { return proto.Install(s.Random()) })
	if err != nil {
		return err
	}
	disk.on, s.broken = true, disk.broken
	if n := s.Journal.Torn(); n > 0 {
		s.Log.Warn("the journal ended in a torn write, which was cut off", "device", s.ID, "bytes", n)
	}
	return nil
}

// configuration finds out what hangs on this device.
func (s *Station) configuration(ctx context.Context, o Options, id Identity) (setup, error) {
	if s.local {
		found, mistakes := local(o.LocalFile, s.ID, s.Kind)
		return found, mistakes.Err()
	}
	if m, ok := readCache(s.Dir); ok {
		found, mistakes := m.check(s.ID, s.Kind)
		if len(mistakes) == 0 {
			s.held = m
			s.told = new(m.report(nil))
			return found, nil
		}
		s.Log.Warn("the kept configuration is not good for this version of the program", "device", s.ID, "err", mistakes)
	}
	s.Log.Info("waiting for the configuration from the controller", "device", s.ID, "addr", id.Controller)
	return s.await(ctx, o, id)
}

// await waits on a connection of its own until the controller has served a good configuration.
func (s *Station) await(ctx context.Context, o Options, id Identity) (setup, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alive, err := newHeart() // who waits is up
	if err != nil {
		return setup{}, err
	}
	defer alive.stop()
	p := o.Dial(s.linkOptions(id, []string{s.Topics.Down(s.ID, proto.DownCfg)}))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = context.Cause(ctx)
			}
			return setup{}, fmt.Errorf("wait for the configuration: %w", err)
		case <-alive.beats:
			if err := alive.beat(); err != nil {
				return setup{}, err
			}
		case e := <-p.Events():
			found, ok := s.offered(e, p)
			if !ok {
				continue
			}
			cancel()
			return found, <-ended
		}
	}
}

// offered looks at what came while waiting.
func (s *Station) offered(e link.Event, p Pipe) (setup, bool) {
	m, ok := s.servedIn(e)
	if !ok {
		return setup{}, false
	}
	found, mistakes := m.check(s.ID, s.Kind)
	s.told = new(m.report(mistakes))
	if len(mistakes) > 0 {
		s.Log.Error("the configuration is refused", "device", s.ID, "err", mistakes)
		s.tell(p)
		return setup{}, false
	}
	if err := writeCache(s.Dir, m); err != nil {
		s.Log.Error("the configuration is used but not kept", "device", s.ID, "err", err)
	}
	s.held = m
	return found, true
}

// servedIn returns the configuration that an event brings.
func (s *Station) servedIn(e link.Event) (served, bool) {
	if e.Msg == nil || len(e.Msg.Payload) == 0 {
		return served{}, false
	}
	if dev, what, ok := s.Topics.ReadDown(e.Msg.Topic); !ok || dev != s.ID || what != proto.DownCfg {
		return served{}, false
	}
	m, err := decodeServed(e.Msg.Payload)
	if err != nil {
		s.Log.Warn("a configuration cannot be read", "device", s.ID, "err", err)
		return served{}, false
	}
	return m, true
}

// tell publishes whether the configuration was taken. What cannot be sent now is sent at the next connection.
func (s *Station) tell(p Pipe) {
	if s.told == nil {
		return
	}
	b, err := proto.Encode(s.told)
	if err == nil {
		err = p.Publish(proto.Message{Topic: s.Topics.Up(s.ID, proto.UpCfg), Payload: b, Retain: true, QoS: 1})
	}
	if err != nil {
		s.Log.Debug("the report on the configuration waits", "device", s.ID, "err", err)
	}
}

// Run keeps the connection and hands its events to Events until ctx ends, and then returns nil. It returns ErrRestart
// when another configuration was served, checked and kept, and healAfter the journal has broken. A bad configuration is
// reported and changes nothing.
func (s *Station) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.pipe.Run(ctx) }()
	broken, heal := s.broken, (<-chan time.Time)(nil)
	for {
		select {
		case err := <-ended:
			return err
		case <-broken:
			broken, heal = nil, time.After(healAfter)
		case <-heal:
			cancel()
			return errors.Join(fmt.Errorf("the journal has to be read again: %w", ErrRestart), <-ended)
		case e := <-s.pipe.Events():
			if e.Up {
				s.tell(s.pipe)
			}
			if m, ok := s.servedIn(e); ok {
				if err := s.renewed(m); err != nil {
					cancel()
					return errors.Join(err, <-ended)
				}
				continue
			}
			select {
			case s.events <- e:
			case <-ctx.Done():
			}
		}
	}
}

// renewed takes another configuration: it is for the next start.
func (s *Station) renewed(m served) error {
	if s.local || m.SHA256 == s.held.SHA256 {
		return nil
	}
	_, mistakes := m.check(s.ID, s.Kind)
	s.told = new(m.report(mistakes))
	s.tell(s.pipe)
	if len(mistakes) > 0 {
		s.Log.Error("a new configuration is refused; the old one stays", "device", s.ID, "err", mistakes)
		return nil
	}
	if err := writeCache(s.Dir, m); err != nil {
		return err
	}
	return fmt.Errorf("another configuration has come: %w", ErrRestart)
}

// Events tells what happens on the pipe, without what the station itself has dealt with. It is unbuffered and never closed.
func (s *Station) Events() <-chan link.Event { return s.events }

// Publish hands a message to the pipe; without a connection it is gone, and the error wraps link.ErrOffline.
func (s *Station) Publish(m proto.Message) error { return s.pipe.Publish(m) }

// Drop breaks the connection and dials no sooner than after rest, which is 0 unless the controller has rejected the device.
func (s *Station) Drop(rest time.Duration) { s.pipe.Rest(rest) }

// Session returns the device's side of the conversation with the controller, not connected yet.
func (s *Station) Session() *device.Session {
	return device.NewSession(device.Options{
		Dev: s.ID, Kind: s.Kind, FW: s.FW, Topics: s.Topics, Boot: s.Boot, Random: s.Random,
	}, s.Journal)
}

// Now is the time as the device knows it.
func (s *Station) Now() device.Now {
	now := time.Now()
	return device.Now{Up: now.Sub(s.start), Wall: now, Set: clockSet(now)}
}

// clockSet says whether somebody has set the clock since power on: the kernel knows it as synchronised, and it does not
// show a time before this program was written.
func clockSet(now time.Time) bool {
	state, err := unix.Adjtimex(new(unix.Timex))
	return err == nil && state != unix.TIME_ERROR && now.Year() >= 2025
}

// Random returns a new random name: 16 bytes as 32 hex digits.
func (s *Station) Random() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// NewID returns a new id for a command.
func (s *Station) NewID() proto.ID {
	var b [10]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return proto.NewID(time.Now().UnixMilli(), b)
}

// PortOptions is how to open the line of a part, which is called as in the health message. A relative path of a serial
// line lies in the data folder.
func (s *Station) PortOptions(part string, p config.Port) port.Options {
	o := portOptions(s.Dir, p)
	if o.Trace = s.trace.Of(part); (part == "card_reader" || part == "scanner") && !s.bench {
		o.Trace = s.trace.OfCards(part)
	}
	return o
}

func portOptions(dir string, p config.Port) port.Options {
	o := port.Options{Serial: p.Serial, Baud: p.Baud, Flow: p.Flow, TCP: p.TCP, LP: p.LP, Evdev: p.Evdev, SPI: p.SPI}
	if p.GPIO != "" {
		o.GPIO, o.Pull, o.Rows, o.Lamps = p.Lines, p.GPIO, p.Rows, p.Lamps
	}
	if o.PCSC = p.PCSC; p.Wiegand != "" {
		o.Wiegand, o.Pull = p.Lines, p.Wiegand
	}
	if o.Serial != "" && !usb.Is(o.Serial) && !filepath.IsAbs(o.Serial) {
		o.Serial = filepath.Join(dir, o.Serial)
	}
	if o.Serial == "" {
		o.Flow = "" // flow control has no meaning there, and the file's default is none
	}
	return o
}

// Close closes the journal and unlocks the data folder. Run must have ended.
func (s *Station) Close() error {
	var errs []error
	if s.disk != nil {
		errs = append(errs, s.disk.Close())
		s.disk = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}
