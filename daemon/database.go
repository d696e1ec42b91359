package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"quhao/daemon/store"
)

// backupCommand copies the database, through the daemon if it runs.
func backupCommand(ctx context.Context, args []string, stdout io.Writer) error {
	var data string
	rest, err := flags("backup", args, func(fs *flag.FlagSet) { fs.StringVar(&data, "data", "", "folder of the database") })
	if err != nil {
		return err
	}
	if data == "" || len(rest) != 1 {
		return usageError{"backup needs -data and a file"}
	}
	file, err := filepath.Abs(rest[0])
	if err != nil {
		return err
	}
	defer working(stdout, "copying and checking")()
	said, err := talk(ctx, data, []string{"backup", file})
	if errors.Is(err, errNotRunning) {
		st, err := openExisting(data, "quhaod backup")
		if err != nil {
			return err
		}
		defer st.Close()
		if err := st.Backup(ctx, file); err != nil {
			return backupError(err)
		}
		fmt.Fprintf(stdout, "copied and checked: %s\n", file)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, said)
	return nil
}

// backupError adds what to do about a file that is in the way.
func backupError(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: a backup never overwrites, choose another name", err)
	}
	return err
}

// openExisting opens a database that is there: a slip in the folder's name must not make an empty one and call it whole.
func openExisting(data, who string) (*store.Store, error) {
	if _, err := os.Stat(filepath.Join(data, databaseFile)); err != nil {
		return nil, fmt.Errorf("there is no database in this data folder: %w", err)
	}
	return store.Open(data, store.Options{Who: who})
}

// besideTheDaemon says what to do instead of a command that cannot work while quhaod runs.
func besideTheDaemon(name string) string {
	if name == "verify" {
		return "while quhaod runs, quhaod backup FILE makes a copy and checks its whole log; or stop quhaod, and verify then"
	}
	return "stop quhaod, rebuild, and start it again; until then kiosks give numbers of their own"
}

// fileCommand works on the database of a daemon that does not run.
func fileCommand(ctx context.Context, name string, args []string, stdout io.Writer) error {
	var data string
	rest, err := flags(name, args, func(fs *flag.FlagSet) { fs.StringVar(&data, "data", "", "folder of the database") })
	if err != nil {
		return err
	}
	if data == "" || len(rest) != 0 {
		return usageError{name + " needs -data"}
	}
	st, err := openExisting(data, "quhaod "+name)
	if _, locked := errors.AsType[store.ErrLocked](err); locked {
		return fmt.Errorf("%w: %s", err, besideTheDaemon(name))
	}
	if err != nil {
		return err
	}
	defer st.Close()
	defer working(stdout, name)()
	if name == "rebuild" {
		if err := st.Rebuild(ctx); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "the tables are made anew from the log")
		return nil
	}
	last := time.Now()
	err = st.Verify(ctx, func(done, total uint64) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(stdout, "%d of %d events\n", done, total)
		}
	})
	if err != nil {
		return err
	}
	seq, hash, err := st.Head(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "the log is whole: %d events, the last one's hash is %x\n", seq, hash)
	return nil
}
