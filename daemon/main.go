// Command quhaod is the controller of a service centre: it gives out the numbers, calls them, and keeps the log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"quhao/internal/config"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

// Exit codes.
const (
	exitDone    = 0
	exitRefused = 1 // with the reasons on standard error
	exitUsage   = 2
	exitStart   = 3 // cannot start
)

const usage = `quhaod is the controller of a service centre.

  quhaod run      -config DIR -data DIR      run the centre
  quhaod check    PATH...                    check configurations without touching anything
  quhaod enrol    -config DIR -data DIR ID   give a device its secret; prints the device's own small file (-again: another one)
  quhaod doctor   -config DIR -data DIR      look over configuration, data, passwords and broker; say what is wrong

while it runs (each with -data DIR):
  quhaod status                              what is open, who waits, which devices are there
  quhaod day      open | close [-force]      begin or end the service day
  quhaod issuing  open | close DEPARTMENT    let a department, or all, give out numbers, or stop it
  quhaod sign     on COUNTER OFFICER | off COUNTER
  quhaod return   NUMBER                     bring back a visitor who missed the call
  quhaod why      NUMBER                     why a ticket stands where it does
  quhaod do       DEVICE identify | test | restart | reprint NUMBER
  quhaod replace  DEVICE INSTALLATION        let a new installation take the place of the old one
  quhaod backup   FILE                       copy the database, running or not
  quhaod recovery end                        after a restore: give numbers although a kiosk has not handed in its papers

while it does not run:
  quhaod verify   -data DIR                  check the whole log, event by event
  quhaod rebuild  -data DIR                  make the tables for reports anew from the log
  quhaod restore  -config DIR -data DIR FILE put a backup in place; the kiosks hand in what it does not know

  quhaod -version

examples:
  quhaod check configs
  quhaod run -config configs/hall -data run/hall
  quhaod enrol -config configs -data /var/lib/quhao kiosk-1 > kiosk-1.id.yaml
  quhaod why -data /var/lib/quhao A012
  quhaod do  -data /var/lib/quhao kiosk-1 reprint A012
`

// usageError is a command line that makes no sense.
type usageError struct{ what string }

func (e usageError) Error() string { return e.what }

// helpError asks for the flags of one command.
type helpError struct{ flags *flag.FlagSet }

func (e helpError) Error() string { return "help with " + e.flags.Name() }
func (e helpError) Unwrap() error { return flag.ErrHelp }

// startError is a reason not to start at all.
type startError struct{ err error }

func (e startError) Error() string { return e.err.Error() }
func (e startError) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(exitCode(os.Stderr, command(ctx, os.Args[1:], os.Stdout, os.Stderr)))
}

// exitCode prints an error for a person and chooses the exit code.
func exitCode(stderr io.Writer, err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) || errors.Is(err, context.Canceled) {
		return exitDone
	}
	if e, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "quhaod: %s\n%s\n", e.what, howWritten(e.what))
		return exitUsage
	}
	if m, ok := errors.AsType[config.Mistakes](err); ok {
		for _, line := range m {
			fmt.Fprintln(stderr, line)
		}
		return exitRefused
	}
	fmt.Fprintln(stderr, "quhaod:", err)
	if _, ok := errors.AsType[startError](err); ok {
		return exitStart
	}
	return exitRefused
}

// command carries out one command line.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	err := dispatch(ctx, args, stdout, stderr)
	if asked, ok := errors.AsType[helpError](err); ok {
		help(stdout, asked.flags)
	}
	return err
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError{"what is to be done?"}
	}
	name, args := args[0], args[1:]
	switch name {
	case "run":
		return runCommand(ctx, args, stderr)
	case "check":
		return checkCommand(args, stdout)
	case "enrol":
		return enrolCommand(ctx, args, stdout, stderr)
	case "doctor":
		return doctorCommand(ctx, args, stdout)
	case "restore":
		return restoreCommand(ctx, args, stdout, stderr)
	case "status", "recovery", "day", "issuing", "sign", "return", "why", "replace", "do":
		return talkCommand(ctx, name, args, stdout)
	case "backup":
		return backupCommand(ctx, args, stdout)
	case "verify", "rebuild":
		return fileCommand(ctx, name, args, stdout)
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, "quhaod", version)
		return nil
	case "help", "-help", "--help", "-h":
		fmt.Fprint(stdout, usage)
		return nil
	}
	return usageError{fmt.Sprintf("there is no command %q", name)}
}

// help prints what a command is for, and its flags.
func help(stdout io.Writer, fs *flag.FlagSet) {
	for line := range strings.Lines(usage) {
		if strings.HasPrefix(line, "  quhaod "+fs.Name()+" ") {
			fmt.Fprint(stdout, line)
		}
	}
	fmt.Fprintln(stdout)
	fs.SetOutput(stdout)
	fs.PrintDefaults()
}

// flags reads the flags of a command, which may stand before or behind its arguments.
func flags(name string, args []string, set func(*flag.FlagSet)) ([]string, error) {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	set(fs)
	var rest []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, helpError{fs}
			}
			return nil, usageError{fmt.Sprintf("%s: %v", name, err)}
		}
		if args = fs.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

// checkCommand checks configurations and prints every mistake of all of them.
func checkCommand(args []string, stdout io.Writer) error {
	paths, err := flags("check", args, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return usageError{"check: which configuration?"}
	}
	var all config.Mistakes
	for _, path := range paths {
		conf, mistakes := config.Load(path)
		all = append(all, mistakes...)
		if len(mistakes) == 0 {
			fmt.Fprintf(stdout, "%s: good: %d departments, %d counters, %d devices\n",
				path, len(conf.Centre.Departments), len(conf.Centre.Counters), len(conf.Devices))
		}
	}
	if len(all) > 0 {
		return all
	}
	return nil
}
