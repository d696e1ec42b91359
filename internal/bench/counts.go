package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// counts counts what a ticket costs the disk, as the kernel is asked for it: by strace, fsyncs and bytes written to files
// in the data folder. Tickets only, in less time than a paper may take, so that nothing else is decided meanwhile.
func (b *bench) counts(ctx context.Context) ([]row, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return []row{{what: "fsyncs and bytes a ticket", measured: "strace is not here: " + err.Error(), target: "counted", verdict: left}}, nil
	}
	one, err := b.count("count-1", 1, b.pick(1000, 200), func(devs []*device, n int) error {
		for range n {
			if _, _, err := devs[0].ask(devs[0].ticket()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Enough for SQLite's own log to be written back several times, or one time more or less would be a quarter of it all.
	const each = 200 // of 64 at a time: 12800 tickets
	many, err := b.count("count-64", crowdKiosks, 2*crowdKiosks*each, func(devs []*device, n int) error {
		_, err := together(devs, n/(2*crowdKiosks))
		return err
	})
	if err != nil {
		return nil, err
	}
	cost := func(what string, c cost, syncs, bytes float64) row {
		return row{
			what:     "fsyncs and bytes written a ticket, counted: " + what,
			measured: fmt.Sprintf("%.3f, %.1f KiB", c.syncs, c.bytes/1024),
			target:   fmt.Sprintf("%.4g, %.0f KiB", syncs, bytes/1024),
			verdict:  judge(c.syncs <= syncs && c.bytes <= bytes, nil),
		}
	}
	return []row{cost("one client", one, 1.05, 32<<10), cost("64 at once", many, 0.1, 4<<10)}, nil
}

// cost is what one ticket costs.
type cost struct{ syncs, bytes float64 }

// count runs quhaod under strace, lets devices take n tickets by work, and counts what was done between.
func (b *bench) count(name string, kiosks, n int, work func([]*device, int) error) (_ cost, err error) {
	trace := filepath.Join(b.dir, name+".trace")
	d, err := b.freshOf(b.program("quhaod"), name, kiosks, 1,
		"strace", "-f", "--seccomp-bpf", "-y", "-s", "0", "-o", trace, "-e", "trace=fsync,fdatasync,write,pwrite64,writev,pwritev")
	if err != nil {
		return cost{}, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, d.stop())
		}
	}()
	devs, err := d.openKiosks(kiosks)
	if err != nil {
		return cost{}, err
	}
	if err := work(devs, n/10); err != nil { // the first checkpoint's files are made
		return cost{}, err
	}
	before, err := readTrace(trace, d.data)
	if err != nil {
		return cost{}, err
	}
	if err := work(devs, n); err != nil {
		return cost{}, err
	}
	after, err := readTrace(trace, d.data)
	if err != nil {
		return cost{}, err
	}
	stopped = true
	if err := d.stop(); err != nil {
		return cost{}, err
	}
	return cost{(after.syncs - before.syncs) / float64(n), (after.bytes - before.bytes) / float64(n)}, nil
}

// traceLine is one call in strace's output with -y: "123 pwrite64(9</data/quhao.db-wal>, ""..., 4096, 4152) = 4096".
func traceLine() *regexp.Regexp {
	return regexp.MustCompile(`^\d+ +(\w+)\(\d+<([^>]*)>.*\) += (\d+)`)
}

// readTrace sums up the calls on files in a folder. A call that another thread's line has cut in two counts by its
// beginning, if it is a sync; for its bytes its length is taken, as the result stands elsewhere.
func readTrace(file, folder string) (cost, error) {
	f, err := os.Open(file)
	if err != nil {
		return cost{}, err
	}
	defer f.Close()
	var sum cost
	whole, cut := traceLine(), regexp.MustCompile(`^\d+ +(\w+)\(\d+<([^>]*)>(?:, ""\.\.\., (\d+))?.*<unfinished`)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m := whole.FindStringSubmatch(lines.Text())
		if m == nil {
			m = cut.FindStringSubmatch(lines.Text())
		}
		if m == nil || !strings.HasPrefix(m[2], folder) {
			continue
		}
		if strings.HasSuffix(m[1], "sync") {
			sum.syncs++
			continue
		}
		n, err := strconv.Atoi(m[3])
		if err != nil {
			return cost{}, fmt.Errorf("strace says %q", lines.Text())
		}
		sum.bytes += float64(n)
	}
	return sum, lines.Err()
}
