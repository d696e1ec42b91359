// Program quhao-display runs a counter unit: the displays, call keys and rating keys of one or more counters.
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
	"quhao/internal/proto"
	"quhao/internal/station"
)

// The exit codes.
const (
	exitDone    = 0 // ended by a signal, or for a restart
	exitRefused = 1 // the configuration has mistakes, each named on standard error
	exitUsage   = 2
	exitFailed  = 3 // cannot start, or cannot go on
)

const usage = `quhao-display runs a counter unit of Quhao: it shows, calls and takes ratings.

Usage:
  quhao-display -config FILE -data DIR [-local PATH] [-http ADDR]
  quhao-display try led|keypad|card -config FILE -data DIR [-local PATH]

  -config FILE  who this unit is: the file that "quhaod enrol" made
  -data DIR     its data folder: the journal, and the configuration as last served; made if it does not exist
  -local PATH   use this configuration folder, or device file, instead of what the controller serves
  -http ADDR    show the state on this machine only: GET /state and /healthz; off by default; port 0 for any
  -version      print the version
  -help         print this

Examples:
  quhao-display -config /etc/quhao/unit-1.yaml -data /var/lib/quhao-display
  quhao-display -config unit-1.yaml -data run/unit-1 -local configs/hall -http 127.0.0.1:0
  quhao-display try keypad -config unit-1.yaml -data run/unit-1 -local configs/hall

With try, only the drivers of those things run: a display shows every picture once, keys and cards are told line by line.
A relative serial path in the configuration lies in the data folder.
Exit codes: 0 done, or to be started again; 1 the configuration is refused, with the reasons; 2 usage; 3 cannot start.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// arguments are the command line.
type arguments struct {
	identity, data, local, http string
	version                     bool
	try                         string // led, keypad, card; empty to run the unit
}

// parse reads the command line; flag.ErrHelp stands for -help.
func parse(args []string) (a arguments, err error) {
	if len(args) > 0 && args[0] == "try" {
		if len(args) < 2 || prefixes(args[1]) == nil {
			return a, errors.New("try what? led, keypad or card")
		}
		a.try, args = args[1], args[2:]
	}
	fs := flag.NewFlagSet("quhao-display", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&a.identity, "config", "", "")
	fs.StringVar(&a.data, "data", "", "")
	fs.StringVar(&a.local, "local", "", "")
	fs.StringVar(&a.http, "http", "", "")
	fs.BoolVar(&a.version, "version", false, "")
	switch err := fs.Parse(args); {
	case err != nil:
		return a, err
	case a.version:
		return a, nil
	case fs.NArg() > 0:
		return a, fmt.Errorf("%q is not expected", fs.Arg(0))
	case a.identity == "":
		return a, errors.New("-config is missing")
	case a.data == "":
		return a, errors.New("-data is missing")
	}
	return a, nil
}

// run is the program but for signals and exit: the tests start it as main does.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	a, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return exitDone
	case err != nil:
		fmt.Fprintf(errs, "quhao-display: %v\n\n%s", err, usage)
		return exitUsage
	case a.version:
		fmt.Fprintln(out, "quhao-display", version())
		return exitDone
	}
	log := slog.New(slog.NewTextHandler(errs, nil))
	err = serve(ctx, a, out, log)
	mistakes, refused := errors.AsType[config.Mistakes](err)
	switch {
	case refused:
		fmt.Fprintln(errs, mistakes)
		return exitRefused
	case errors.Is(err, station.ErrRestart), errors.Is(err, errOrdered):
		log.Info("ends to be started again", "err", err)
		return exitDone
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitDone
	}
	fmt.Fprintf(errs, "quhao-display: %v\n", err)
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
func serve(ctx context.Context, a arguments, out io.Writer, log *slog.Logger) (err error) {
	var listen func(context.Context) error
	var window *station.Window
	if a.http != "" {
		ln, err := station.Listen(a.http)
		if err != nil {
			return err
		}
		defer ln.Close() // a second close is no fault; the first may never come
		log.Info("shows its state", "http", ln.Addr())
		window = new(station.Window)
		listen = func(ctx context.Context) error { return window.Serve(ctx, ln) }
	}
	st, err := station.Open(ctx, station.Options{
		IdentityFile: a.identity, DataDir: a.data, LocalFile: a.local, Kind: proto.KindCounter, FW: version(), Log: log,
		Subscribe: subscriptions,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if a.try != "" {
		return try(ctx, a.try, st, out, log, pictureFor)
	}
	u, err := newUnit(st, log.With("device", st.ID))
	if err != nil {
		return err
	}
	u.window = window
	return u.run(ctx, listen)
}
