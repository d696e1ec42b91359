package station

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"quhao/internal/config"
	"quhao/internal/proto"
)

// The exit codes of a device program.
const (
	ExitDone    = 0 // ended by a signal, or to be started again
	ExitRefused = 1 // the configuration has mistakes, each named on standard error; or what was tried did not work
	ExitUsage   = 2
	ExitFailed  = 3 // cannot start, or cannot go on
)

// ErrTried is wrapped by the error of a try that did not work.
var ErrTried = errors.New("it does not work")

// Program is a device program as its command line sees it.
type Program struct {
	Name    string
	Version string
	Kind    proto.Kind
	What    string   // one line for -help
	Try     []string // the peripherals that try knows
	// Serve opens everything, runs until it ends, and closes everything.
	Serve func(ctx context.Context, a Arguments, out io.Writer, log *slog.Logger) error
	In    io.Reader // where the person at the bench answers; nil if nobody is there
}

// Arguments are the command line of a device program.
type Arguments struct {
	Identity string // file
	Data     string // folder
	Local    string // configuration folder or device file; empty for what the controller serves
	HTTP     string // address of the state page; empty for none
	Trace    string // file for what goes over the lines, "-" for standard output; empty for none
	Try      string // one of Program.Try; empty to run
	Doctor   bool   // look the device over, and end
	In       io.Reader
	version  bool
}

func (p Program) usage() string {
	return strings.NewReplacer("NAME", p.Name, "WHAT", p.What, "THINGS", strings.Join(p.Try, "|"), "THING", p.Try[0]).Replace(
		`NAME WHAT

Usage:
  NAME -config FILE -data DIR [-local PATH] [-http ADDR] [-trace FILE]
  NAME doctor -config FILE -data DIR [-local PATH]
  NAME try THINGS -config FILE -data DIR [-local PATH] [-trace FILE]

  -config FILE  who this device is: the file that "quhaod enrol" made
  -data DIR     its data folder: the journal, and the configuration as last served; made if it does not exist
  -local PATH   use this configuration folder, or device file, instead of what the controller serves
  -http ADDR    show the state on this machine only: GET /state and /healthz; off by default; port 0 for any
  -trace FILE   write the bytes of every line to a file, - for standard output; at most 16 MiB, older ones go. The numbers
                of cards are left out, but not in a try
  -version      print the version
  -help         print this
  doctor        look the device over, beside the running service or without it: what is connected, what is wrong, what to do
  try           test one kind of part by a fixed procedure: it says what to do, and asks what only a person can see; stop
                the service before it

Examples:
  NAME -config /etc/quhao-device/device.yaml -data /var/lib/NAME
  NAME -config device.yaml -data run/device -local configs/hall -http 127.0.0.1:0
  NAME doctor -config /etc/quhao-device/device.yaml -data /var/lib/NAME
  NAME try THING -config device.yaml -data run/device -local configs/hall -trace -

A relative serial path in the configuration lies in the data folder.
Exit codes: 0 done, or to be started again; 1 refused, unwell or failed, with the reasons; 2 usage; 3 cannot start.
`)
}

// Main runs a device program but for signals and exit, and returns the exit code.
func (p Program) Main(ctx context.Context, args []string, out, errs io.Writer) int {
	a, err := p.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, p.usage())
		return ExitDone
	case err != nil:
		fmt.Fprintf(errs, "%s: %v\n\n%s", p.Name, err, p.usage())
		return ExitUsage
	case a.version:
		fmt.Fprintln(out, p.Name, p.Version)
		return ExitDone
	}
	log := slog.New(slog.NewTextHandler(errs, nil))
	if a.In = p.In; a.Doctor {
		err = p.doctor(ctx, a, out)
	} else {
		err = p.Serve(ctx, a, out, log)
	}
	mistakes, refused := errors.AsType[config.Mistakes](err)
	switch {
	case refused:
		fmt.Fprintln(errs, mistakes)
		return ExitRefused
	case errors.Is(err, ErrRestart):
		log.Info("ends to be started again", "err", err)
		return ExitDone
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ExitDone
	}
	fmt.Fprintf(errs, "%s: %v\n", p.Name, err)
	if a.Try != "" && errors.Is(err, ErrBusy) {
		fmt.Fprintf(errs, "服务正在运行，先停：systemctl stop %s\nThe service runs; stop it first.\n", p.Name)
	}
	if errors.Is(err, ErrTried) || errors.Is(err, ErrUnwell) {
		return ExitRefused
	}
	return ExitFailed
}

// parse reads the command line; flag.ErrHelp stands for -help. "doctor" and "try THING" may stand before or behind the flags.
func (p Program) parse(args []string) (a Arguments, err error) {
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&a.Identity, "config", "", "")
	fs.StringVar(&a.Data, "data", "", "")
	fs.StringVar(&a.Local, "local", "", "")
	fs.StringVar(&a.HTTP, "http", "", "")
	fs.StringVar(&a.Trace, "trace", "", "")
	fs.BoolVar(&a.version, "version", false, "")
	var words []string
	for rest := args; len(rest) > 0; {
		if err := fs.Parse(rest); err != nil {
			return a, err
		}
		if rest = fs.Args(); len(rest) > 0 {
			words, rest = append(words, rest[0]), rest[1:]
		}
	}
	if len(words) > 0 && words[0] == "try" {
		if len(words) != 2 || !slices.Contains(p.Try, words[1]) {
			return a, fmt.Errorf("try what? %s", strings.Join(p.Try, ", "))
		}
		a.Try, words = words[1], nil
	}
	if len(words) > 0 && words[0] == "doctor" {
		a.Doctor, words = true, words[1:]
	}
	switch {
	case a.version:
		return a, nil
	case len(words) > 0:
		return a, fmt.Errorf("%q is not expected", words[0])
	case a.Identity == "":
		return a, errors.New("-config is missing")
	case a.Data == "":
		return a, errors.New("-data is missing")
	}
	return a, nil
}
