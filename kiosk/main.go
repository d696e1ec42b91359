// Program quhao-kiosk runs a kiosk: it reads cards and keys, asks the controller for a number, and prints the ticket.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"quhao/internal/config"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// The exit codes.
const (
	exitDone    = 0 // ended by a signal, or for a restart
	exitRefused = 1 // the configuration has mistakes, each named on standard error; or what was tried did not work
	exitUsage   = 2
	exitFailed  = 3 // cannot start, or cannot go on
)

const usage = `quhao-kiosk runs a kiosk of Quhao: a card or a key, a number, a ticket.

Usage:
  quhao-kiosk -config FILE -data DIR [-local PATH] [-http ADDR]
  quhao-kiosk -config FILE -data DIR [-local PATH] try printer|card|keypad

  -config FILE  who this kiosk is: the file that "quhaod enrol" made
  -data DIR     its data folder: the journal, and the configuration as last served; made if it does not exist
  -local PATH   use this configuration folder, or device file, instead of what the controller serves
  -http ADDR    show the state on this machine only: GET /state and /healthz; off by default; port 0 for any
  -version      print the version
  -help         print this
  try           run one driver against the real thing: print a test ticket, or name what is tapped or pressed

Examples:
  quhao-kiosk -config /etc/quhao/kiosk-1.yaml -data /var/lib/quhao-kiosk
  quhao-kiosk -config kiosk-1.yaml -data run/kiosk-1 -local configs/hall -http 127.0.0.1:0
  quhao-kiosk -config kiosk-1.yaml -data run/kiosk-1 -local configs/hall try printer

A relative serial path in the configuration lies in the data folder.
Exit codes: 0 done, or to be started again; 1 the configuration is refused, with the reasons; 2 usage; 3 cannot start.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, nil)
	stop()
	os.Exit(code)
}

// arguments are the command line.
type arguments struct {
	identity, data, local, http string
	version                     bool
	try                         string // printer, card or keypad
}

// parse reads the command line; flag.ErrHelp stands for -help.
func parse(args []string) (a arguments, err error) {
	fs := flag.NewFlagSet("quhao-kiosk", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&a.identity, "config", "", "")
	fs.StringVar(&a.data, "data", "", "")
	fs.StringVar(&a.local, "local", "", "")
	fs.StringVar(&a.http, "http", "", "")
	fs.BoolVar(&a.version, "version", false, "")
	if err := fs.Parse(args); err != nil || a.version {
		return a, err
	}
	rest := fs.Args()
	if len(rest) == 2 && rest[0] == "try" {
		a.try, rest = rest[1], nil
	}
	switch {
	case len(rest) > 0:
		return a, fmt.Errorf("%q is not expected", rest[0])
	case a.try != "" && a.try != "printer" && a.try != "card" && a.try != "keypad":
		return a, fmt.Errorf("try %s: it is printer, card or keypad", a.try)
	case a.identity == "":
		return a, errors.New("-config is missing")
	case a.data == "":
		return a, errors.New("-data is missing")
	}
	return a, nil
}

// run is the program but for signals and exit: the tests start it as main does, with a pipe of their own.
func run(ctx context.Context, args []string, out, errs io.Writer, dial func(link.Options) station.Pipe) int {
	a, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return exitDone
	case err != nil:
		fmt.Fprintf(errs, "quhao-kiosk: %v\n\n%s", err, usage)
		return exitUsage
	case a.version:
		fmt.Fprintln(out, "quhao-kiosk", version())
		return exitDone
	}
	log := slog.New(slog.NewTextHandler(errs, nil))
	err = serve(ctx, a, log, out, dial)
	mistakes, refused := errors.AsType[config.Mistakes](err)
	switch {
	case refused:
		fmt.Fprintln(errs, mistakes)
		return exitRefused
	case errors.Is(err, errTried):
		fmt.Fprintf(errs, "quhao-kiosk: %v\n", err)
		return exitRefused
	case errors.Is(err, station.ErrRestart):
		log.Info("ends to be started again", "err", err)
		return exitDone
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitDone
	}
	fmt.Fprintf(errs, "quhao-kiosk: %v\n", err)
	return exitFailed
}

// version is that of the module, as the build has stamped it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// serve opens everything, runs until it ends, and closes everything.
func serve(ctx context.Context, a arguments, log *slog.Logger, out io.Writer, dial func(link.Options) station.Pipe) (err error) {
	var listen func(context.Context) error
	window := new(station.Window)
	if a.http != "" {
		ln, err := station.Listen(a.http)
		if err != nil {
			return err
		}
		defer ln.Close() // a second close is no fault; the first may never come
		log.Info("shows its state", "http", ln.Addr())
		listen = func(ctx context.Context) error { return window.Serve(ctx, ln) }
	}
	st, err := station.Open(ctx, station.Options{
		IdentityFile: a.identity, DataDir: a.data, LocalFile: a.local, Kind: proto.KindKiosk, FW: version(), Log: log,
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
	if a.try != "" {
		return k.try(ctx, a.try, out)
	}
	return k.run(ctx, listen)
}
