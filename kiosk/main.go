// Program quhao-kiosk runs a kiosk: it reads cards and keys, asks the controller for a number, and prints the ticket.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"quhao/internal/config"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	p := program(nil)
	p.In = os.Stdin
	code := p.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// program is the kiosk; dial makes another pipe than the real one, for tests.
func program(dial func(link.Options) station.Pipe) station.Program {
	return station.Program{
		Name: "quhao-kiosk", Version: version, Kind: proto.KindKiosk, Try: []string{"printer", "card", "keypad", "scanner"},
		What: "runs a kiosk of Quhao: a card or a key, a number, a ticket.",
		Serve: func(ctx context.Context, a station.Arguments, out io.Writer, log *slog.Logger) error {
			return serve(ctx, a, log, out, dial)
		},
	}
}

// serve opens everything, runs until it ends, and closes everything.
func serve(ctx context.Context, a station.Arguments, log *slog.Logger, out io.Writer, dial func(link.Options) station.Pipe) (err error) {
	var listen func(context.Context) error
	window := new(station.Window)
	if a.HTTP != "" {
		ln, err := station.Listen(a.HTTP)
		if err != nil {
			return err
		}
		defer ln.Close() // a second close is no fault; the first may never come
		log.Info("shows its state", "http", ln.Addr())
		listen = func(ctx context.Context) error { return window.Serve(ctx, ln) }
	}
	trace, err := station.OpenTrace(a.Trace, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trace.Close()) }()
	st, err := station.Open(ctx, station.Options{
		Trace: trace, Bench: a.Try != "",
		IdentityFile: a.Identity, DataDir: a.Data, LocalFile: a.Local, Kind: proto.KindKiosk, FW: version, Log: log,
		Dial: dial,
		Subscribe: func(t proto.Topics, d *config.Device) []string {
			return []string{t.Hall(d.Hall)}
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	k, err := newKiosk(st, window, log.With("device", st.ID))
	if err != nil {
		return err
	}
	if a.Try != "" {
		return k.try(ctx, a.Try, out, a.In)
	}
	return k.run(ctx, listen)
}
