// Command hall is the virtual hall: the three programs of the centre as separate processes, and in place of all
// hardware the twins of package virtual, wired to them by ptys. One can walk about in it on a page and from the terminal, or let
// a morning pass by itself. It is for trying and testing and is never packaged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// Exit codes.
const (
	exitDone   = 0
	exitWrong  = 1 // the demo has found a mismatch
	exitUsage  = 2
	exitNoHall = 3 // the hall cannot be started, or has come down
)

const usage = `hall is the virtual hall of Quhao: daemon, kiosks and counter units on virtual hardware.

  hall -bin DIR [-config configs/hall] [-data DIR] [-mqtt ADDR] [-http ADDR] [-page ADDR]     walk about in it
  hall -bin DIR -demo [-visitors 40] [-seed N] [-kill] [-page ADDR]     a morning by itself, checked at its end

`

// options are the flags.
type options struct {
	bin, config, data string
	mqtt, http, page  string
	demo, kill, keep  bool
	visitors          int
	seed              uint64
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

// errWrong says that the demo has found, and printed, what does not agree.
var errWrong = errors.New("the books do not agree")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(exitCode(os.Stderr, command(ctx, os.Args[1:], os.Stdin, os.Stdout)))
}

// exitCode prints an error for a person and chooses the exit code. Ctrl-C is a way to leave, not an error.
func exitCode(stderr io.Writer, err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled):
		return exitDone
	case errors.Is(err, errWrong):
		fmt.Fprintln(stderr, "hall:", err)
		return exitWrong
	}
	fmt.Fprintln(stderr, "hall:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitNoHall
}

// command reads the flags and runs the hall.
func command(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	o, err := readFlags(args, stdout)
	if err != nil {
		return err
	}
	out := newVoice(stdout)
	h, err := open(ctx, o, out)
	if err != nil {
		return err
	}
	if o.demo {
		err = h.demo(o)
	} else {
		err = newConsole(h, stdin).run()
	}
	return errors.Join(err, h.close(err != nil && !errors.Is(err, context.Canceled)))
}

func readFlags(args []string, stdout io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("hall", flag.ContinueOnError)
	fs.SetOutput(stdout)
	fs.Usage = func() { fmt.Fprint(stdout, usage); fs.PrintDefaults() }
	fs.StringVar(&o.bin, "bin", "bin", "folder of quhaod, quhao-kiosk and quhao-display")
	fs.StringVar(&o.config, "config", "configs/hall", "folder of centre.yaml")
	fs.StringVar(&o.data, "data", "", "folder for everything the hall writes; empty: a temporary one, removed at the end")
	fs.StringVar(&o.mqtt, "mqtt", "127.0.0.1:1883", "where devices meet the daemon, host:port; port 0 takes a free one")
	fs.StringVar(&o.http, "http", "127.0.0.1:8480", "the daemon's pages, host:port; port 0 takes a free one")
	fs.StringVar(&o.page, "page", "127.0.0.1:8481", "the hall as a page, host:port of this machine; port 0 takes a free one; empty: no page (in the demo: none unless asked for)")
	fs.BoolVar(&o.demo, "demo", false, "let a morning pass by itself and check the books at its end")
	fs.IntVar(&o.visitors, "visitors", 40, "of the demo, 1 to 400")
	fs.Uint64Var(&o.seed, "seed", 1, "of the demo: the same seed brings the same visitors")
	fs.BoolVar(&o.kill, "kill", false, "in the demo: kill the daemon in the middle of the morning")
	fs.BoolVar(&o.keep, "keep", false, "keep the temporary folder")
	err := fs.Parse(args)
	var given []string
	fs.Visit(func(f *flag.Flag) { given = append(given, f.Name) })
	switch {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, usageError{err}
	case o.demo && !slices.Contains(given, "page"):
		o.page = ""
	}
	switch {
	case fs.NArg() > 0:
		return o, usageError{fmt.Errorf("what is %q? hall -help shows what there is", fs.Arg(0))}
	case o.visitors < 1 || o.visitors > 400:
		return o, usageError{fmt.Errorf("-visitors %d: 1 to 400 can come", o.visitors)}
	}
	return o, nil
}
