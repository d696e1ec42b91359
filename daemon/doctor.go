package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"quhao/daemon/broker"
	"quhao/daemon/store"
	"quhao/internal/config"
)

// leastSpace is what must be free in the data folder, in bytes: the database of half a year at 2 MiB a day, and a copy while it is backed up.
const leastSpace = 512 << 20

// doctor goes through what a centre needs and says of each thing in one line that it is well, or what to do.
type doctor struct {
	out     io.Writer
	conf    *config.Config // nil if it has mistakes
	folder  string         // of the configuration
	data    string
	free    func(folder string) (bytes uint64, err error)
	running bool     // the daemon answers at its socket
	backups []string // folders with copies of the database
	now     func() time.Time
	wrong   int
}

// errUnwell is the end of a doctor's visit that found something.
type errUnwell struct{ things int }

func (e errUnwell) Error() string { return fmt.Sprintf("wrong: %d, see above", e.things) }

func doctorCommand(ctx context.Context, args []string, stdout io.Writer) error {
	d := &doctor{out: stdout, free: freeSpace, now: time.Now}
	rest, err := flags("doctor", args, func(fs *flag.FlagSet) {
		fs.StringVar(&d.folder, "config", "", "folder of centre.yaml")
		fs.StringVar(&d.data, "data", "", "folder of the database")
		fs.Func("backups", "folder with copies of the database, as quhaod run has it; may be given twice", func(dir string) error {
			d.backups = append(d.backups, dir)
			return nil
		})
	})
	switch {
	case err != nil:
		return err
	case d.folder == "" || d.data == "" || len(rest) > 0:
		return usageError{"doctor needs -config and -data"}
	}
	return d.visit(ctx)
}

// visit looks at everything, in the order in which things depend on each other.
func (d *doctor) visit(ctx context.Context) error {
	d.configuration()
	if d.dataFolder() {
		d.database(ctx)
		d.copies()
		d.secrecy()
		if d.conf != nil {
			d.passwords()
		}
	}
	if d.conf != nil {
		if d.conf.Centre.Broker.External != "" {
			d.external(ctx)
		} else {
			d.embedded(ctx)
		}
	}
	if d.wrong > 0 {
		return errUnwell{d.wrong}
	}
	return nil
}

func (d *doctor) say(word, thing, format string, args ...any) {
	fmt.Fprintf(d.out, "%-6s %-14s %s\n", word, thing, fmt.Sprintf(format, args...))
}

func (d *doctor) ok(thing, format string, args ...any) { d.say("ok", thing, format, args...) }

// bad says what is wrong, and what to do about it.
func (d *doctor) bad(thing, format string, args ...any) {
	d.wrong++
	d.say("wrong", thing, format, args...)
}

func (d *doctor) configuration() {
	conf, mistakes := config.Load(d.folder)
	for _, m := range mistakes {
		d.bad("configuration", "%s", m)
	}
	if len(mistakes) == 0 {
		d.conf = conf
		d.ok("configuration", "%s", conf)
	}
}

// dataFolder says whether the folder can be worked with.
func (d *doctor) dataFolder() bool {
	f, err := os.CreateTemp(d.data, ".doctor-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.bad("data folder", "%s is not there: quhaod enrol makes it, or create it for the user that quhaod runs as", d.data)
		return false
	case err != nil:
		d.bad("data folder", "cannot be written: %v: run this as the user that quhaod runs as, and let the folder be that user's", err)
		return false
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		d.bad("data folder", "cannot be written: %v", err)
		return false
	}
	d.ok("data folder", "%s can be written", d.data)
	free, err := d.free(d.data)
	switch {
	case err != nil:
		d.bad("free space", "cannot be found out: %v", err)
	case free < leastSpace:
		d.bad("free space", "%d MiB are left, %d are wanted: remove old backups, or give the folder a larger disk", free>>20, leastSpace>>20)
	default:
		d.ok("free space", "%d MiB", free>>20)
	}
	return true
}

// freeSpace is what an ordinary user may still write on the disk of a folder, in bytes.
func freeSpace(folder string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// database asks the daemon if it runs, and otherwise opens the database, which checks the file and the end of the log.
func (d *doctor) database(ctx context.Context) {
	said, err := talk(ctx, d.data, []string{"status"})
	if err == nil {
		d.running = true
		for line := range strings.Lines(said) {
			if what, is := strings.CutPrefix(line, alarmMark); is {
				thing, words, _ := strings.Cut(strings.TrimSpace(what), ": ")
				d.bad(thing, "%s", words)
			}
			if fault, is := strings.CutPrefix(line, "FAULT: "); is {
				d.bad("database", "%s: look at the disk; quhaod tries again each second", strings.TrimSpace(fault))
				return
			}
		}
		d.ok("database", "quhaod runs and writes it: %s", strings.TrimSpace(strings.SplitN(said, "\n", 2)[0]))
		return
	}
	if !errors.Is(err, errNotRunning) {
		d.bad("database", "quhaod runs but does not answer at its socket: %v: look at its log, start it again", err)
		return
	}
	if _, err := os.Stat(filepath.Join(d.data, databaseFile)); errors.Is(err, fs.ErrNotExist) {
		d.ok("database", "there is none yet; the first start makes it")
		return
	}
	st, err := store.Open(d.data, store.Options{Who: "quhaod doctor"})
	if _, locked := errors.AsType[store.ErrLocked](err); locked {
		d.bad("database", "%v, and nobody answers at the socket: wait until that program has ended, or end it", err)
		return
	}
	if err != nil {
		d.bad("database", "%v: restore a backup if the disk is sound", err)
		return
	}
	defer st.Close()
	seq, _, err := st.Head(ctx)
	if err != nil {
		d.bad("database", "%v", err)
		return
	}
	d.ok("database", "the file is sound, the log ends at event %d; quhaod does not run (quhaod verify reads every event)", seq)
}

// copies looks for the newest copy of the database in each place. Whether it is young enough says the daemon by its alarms.
func (d *doctor) copies() {
	if _, err := os.Stat(filepath.Join(d.data, databaseFile)); errors.Is(err, fs.ErrNotExist) {
		return // there is nothing to copy yet
	}
	places := d.backups
	if len(places) == 0 {
		places = []string{ownBackups(d.data)}
	}
	for _, dir := range places {
		all, err := (&place{dir: dir}).list()
		switch {
		case err != nil && (len(d.backups) > 0 || !errors.Is(err, fs.ErrNotExist)):
			d.bad(alarmBackup, "%v", err)
		case len(all) == 0:
			d.ok(alarmBackup, "none is in %s yet; quhaod run makes one at its start", dir)
		default:
			last := all[len(all)-1]
			d.ok(alarmBackup, "%d in %s, the newest is %s, %s old", len(all), dir, last.name, d.now().Sub(last.at).Round(time.Minute))
		}
	}
}

// databaseFile is the store's file in the data folder. The doctor must not make one by looking.
const databaseFile = "quhao.db"

// secrecy looks at who may read what should be the daemon's alone: where others may enter the folder, each file has to be closed.
func (d *doctor) secrecy() {
	folder, err := os.Stat(d.data)
	if err != nil {
		d.bad("secrecy", "%v", err)
		return
	}
	before := d.wrong
	for _, name := range []string{passwordFile, secretFile, caFile, databaseFile} {
		info, err := os.Stat(filepath.Join(d.data, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			d.bad("secrecy", "%v", err)
		case info.Mode().Perm()&0o077 != 0 && folder.Mode().Perm()&0o077 != 0:
			d.bad("secrecy", "others may read %s: chmod 600 it, and chmod 700 %s", filepath.Join(d.data, name), d.data)
		}
	}
	if d.wrong == before {
		d.ok("secrecy", "passwords, keys and database are for their owner only")
	}
}

// passwords looks for devices that cannot sign in, and for names that can although nobody knows them.
func (d *doctor) passwords() {
	all, err := broker.LoadPasswords(filepath.Join(d.data, passwordFile))
	if errors.Is(err, fs.ErrNotExist) {
		all, err = broker.Passwords{}, nil
	}
	if err != nil {
		d.bad("passwords", "%v: correct the line, or enrol that device again", err)
		return
	}
	before := d.wrong
	known := map[string]bool{controllerName: true}
	for _, dev := range d.conf.Devices {
		known[dev.ID] = true
		if all[dev.ID] == "" {
			d.bad("passwords", "%s has none: quhaod enrol -config %s -data %s %s", dev.ID, d.folder, d.data, dev.ID)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !known[name] {
			d.bad("passwords", "%s may sign in and is not configured: remove its line from %s", name, filepath.Join(d.data, passwordFile))
		}
	}
	if d.wrong == before {
		d.ok("passwords", "each of %d devices has one", len(d.conf.Devices))
	}
}

// embedded looks whether the running daemon listens where devices will look for it, or whether a start would find the address free.
func (d *doctor) embedded(ctx context.Context) {
	for _, addr := range []string{d.conf.Centre.Broker.Listen, d.conf.Centre.Broker.TLS} {
		if addr == "" {
			continue
		}
		if d.running {
			conn, err := (&net.Dialer{Timeout: dialWait}).DialContext(ctx, "tcp", addr)
			if err != nil {
				d.bad("broker", "quhaod runs, but not at %s: %v: was it started with another -mqtt or configuration?", addr, err)
				continue
			}
			conn.Close()
			d.ok("broker", "quhaod listens at %s", addr)
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			d.bad("broker", "quhaod could not listen at %s: %v: end the other program, or choose another address in centre.yaml", addr, err)
			continue
		}
		l.Close()
		d.ok("broker", "%s is free for quhaod", addr)
	}
}
