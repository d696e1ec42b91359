// Program quhao-display runs a counter unit: the displays, call keys and rating keys of one or more counters.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"quhao/internal/proto"
	"quhao/internal/station"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	p := program()
	p.In = os.Stdin
	code := p.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// program is the counter unit.
func program() station.Program {
	return station.Program{
		Name: "quhao-display", Version: version, Kind: proto.KindCounter, Try: []string{"led", "keypad", "card"},
		What:  "runs a counter unit of Quhao: it shows, calls and takes ratings.",
		Serve: serve,
	}
}

// serve opens everything, runs until it ends, and closes everything.
func serve(ctx context.Context, a station.Arguments, out io.Writer, log *slog.Logger) (err error) {
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
		IdentityFile: a.Identity, DataDir: a.Data, LocalFile: a.Local, Kind: proto.KindCounter, FW: version, Log: log,
		Subscribe: subscriptions,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if a.Try != "" {
		return try(ctx, a.Try, st, out, station.NewBench(out, a.In))
	}
	u, err := newUnit(st, log.With("device", st.ID))
	if err != nil {
		return err
	}
	u.window = window
	return u.run(ctx, listen)
}
