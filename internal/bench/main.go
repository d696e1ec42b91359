package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	bin, dir  string
	goCommand string
	short     bool
	must      bool
	history   int
	base      *baseline
	out       io.Writer
}

// program is the path of one of our programs.
func (b *bench) program(name string) string { return filepath.Join(b.bin, name) }

// pick is how often something is done: less in a short run.
func (b *bench) pick(long, short int) int {
	if b.short {
		return short
	}
	return long
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command reads the flags and runs what they ask for. A target that is not reached is no error, unless -must says so.
func command(ctx context.Context, args []string) error {
	b := &bench{out: os.Stdout}
	var only, passwords string
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&b.bin, "bin", "bin", "folder of the programs")
	fs.StringVar(&b.dir, "dir", filepath.Join("run", "bench"), "folder to work in: its disk is the one that is measured; emptied before and after")
	fs.StringVar(&b.goCommand, "go", "go", "the go command, for the build with one commit for each command and the one for armv6")
	fs.BoolVar(&b.short, "short", false, "a tenth of everything: to see that it works, not to judge")
	fs.BoolVar(&b.must, "must", false, "end with 1 if a target is missed: for counts, which no noise can change")
	fs.IntVar(&b.history, "history", 1_000_000, "tickets of history that a controller is to carry")
	fs.StringVar(&only, "only", "", "only the parts that match: "+partNames())
	fs.StringVar(&passwords, "echo", "", "used by the program itself")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if passwords != "" {
		return echo(ctx, passwords)
	}
	re, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	return b.run(ctx, re)
}

// part is one thing that is measured; it makes one row or more.
type part struct {
	name string
	run  func(*bench, context.Context) ([]row, error)
}

// parts are all parts, in the order of the table. What starts hundreds of programs comes late.
func parts() []part {
	return []part{
		{"tap", (*bench).tap},
		{"press", (*bench).press},
		{"crowd", (*bench).crowd},
		{"count", (*bench).counts},
		{"group", (*bench).group},
		{"history", (*bench).past},
		{"paper", (*bench).paper},
		{"storm", (*bench).storm},
		{"memory", (*bench).memory},
		{"reconnect", (*bench).reconnect},
		{"kiosk", (*bench).kiosk},
	}
}

func partNames() string {
	var out string
	for _, p := range parts() {
		out += p.name + " "
	}
	return out
}

// run measures everything and prints the table.
func (b *bench) run(ctx context.Context, only *regexp.Regexp) (err error) {
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.install(); err != nil {
		return err
	}
	if b.base, err = newBaseline(filepath.Join(b.dir, "baseline")); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	defer func() { err = errors.Join(err, b.base.close()) }()
	began := time.Now()
	fmt.Fprintf(b.out, "%s, %s, %d cores, %s\n", began.Format("2006-01-02 15:04"), machineMemory(), runtime.NumCPU(), runtime.Version())
	var rows []row
	for _, p := range parts() {
		if !only.MatchString(p.name) || ctx.Err() != nil {
			continue
		}
		rows = append(rows, b.part(ctx, p)...)
	}
	fmt.Fprintln(b.out)
	table(b.out, rows)
	fmt.Fprintf(b.out, "\nall in %s\n", time.Since(began).Round(time.Second))
	missed := func(r row) bool { return r.verdict == fail || r.verdict == left }
	if b.must && slices.ContainsFunc(rows, missed) {
		return errors.New("a target is missed")
	}
	return ctx.Err()
}

// install runs copies of the programs, as they are where they were installed: of one that the linker has just written the
// kernel keeps larger pieces in memory, and counts 5 MB more to each process. One that is not there is missed when it is run.
func (b *bench) install() error {
	to := filepath.Join(b.dir, "bin")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"quhaod", "quhao-kiosk", "quhao-display"} {
		if err := copyProgram(filepath.Join(to, name), b.program(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	b.bin = to
	return nil
}

// copyProgram leaves nothing to be written while something is measured.
func copyProgram(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// part runs one part in a folder that it leaves empty, and tells how it went as soon as it is known.
func (b *bench) part(ctx context.Context, p part) []row {
	b.base.reset()
	began := time.Now()
	rows, err := p.run(b, ctx)
	if err != nil {
		rows = append(rows, row{what: p.name, measured: err.Error(), verdict: fail})
	}
	for _, r := range rows {
		fmt.Fprintf(b.out, "%-8s %s: %s (%s)\n", r.verdict, r.what, r.measured, r.target)
	}
	fmt.Fprintf(b.out, "         %s took %s\n", p.name, time.Since(began).Round(time.Second))
	return rows
}

// machineMemory is the machine's, as /proc/meminfo says.
func machineMemory() string {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "memory unknown"
	}
	var kb int64
	if m := regexp.MustCompile(`MemTotal:\s+(\d+) kB`).FindSubmatch(text); m != nil {
		_, err = fmt.Sscan(string(m[1]), &kb)
	}
	if err != nil || kb == 0 {
		return "memory unknown"
	}
	return fmt.Sprintf("%d GiB", (kb+(1<<19))>>20)
}
