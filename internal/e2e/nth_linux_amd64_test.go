package e2e

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"quhao/internal/proto"
)

// ordeal is one run of the scenario with one failure.
type ordeal struct {
	i          injection
	hit        string // the operation that failed, as reported; empty if the scenario had fewer
	total      int
	ended      bool // the program ended with a line that says why
	silent     bool // nothing was logged
	lost, twin int
	err        error
	log        string
}

// endure runs the scenario with the failure, and then again without: what was promised stands, and work goes on.
func endure(t *testing.T, seed *victim, i injection) (o ordeal) {
	o.i = i
	v := &victim{conf: seed.conf, secrets: seed.secrets}
	defer func() { o.log = v.said() }()
	if v.data, o.err = os.MkdirTemp("", "qn"); o.err != nil { // short: a socket's path is bounded
		return o
	}
	defer os.RemoveAll(v.data)
	if o.err = os.CopyFS(v.data, os.DirFS(seed.data)); o.err != nil {
		return o
	}
	o.i.folder, o.i.report = v.data, filepath.Join(filepath.Dir(v.data), filepath.Base(v.data)+".report")
	defer os.Remove(o.i.report)
	r := &replies{given: newGiven()}
	ready, err := v.start(&o.i)
	if err == nil && ready {
		err = v.morning(t.Context(), t, r)
		select {
		case <-v.gone:
			o.ended, err = true, nil // it is seen below whether it said why
		default:
			err = errors.Join(err, v.stop())
		}
	}
	o.ended = o.ended || !ready
	if o.err = err; err != nil {
		return o
	}
	said := v.said()
	o.silent = !strings.Contains(said, "level=ERROR") && !strings.Contains(said, "level=WARN") && !strings.Contains(said, "quhaod: ")
	if o.read(); o.err != nil {
		return o
	}
	if o.ended && (o.hit == "" || o.silent) {
		o.err = errors.New("it ended and did not say why")
		return o
	}
	o.err = v.afterwards(t, r, &o)
	return o
}

// afterwards starts the program again as after a repair: it gives numbers, and those of the morning are still there.
func (v *victim) afterwards(t *testing.T, r *replies, o *ordeal) error {
	ready, err := v.start(nil)
	if err != nil || !ready {
		return errors.Join(err, errors.New("the next start does not work"))
	}
	ctx, cancel := v.while(t.Context())
	defer cancel()
	kiosk, stop := dial(t, v.mqtt, "kiosk-2", v.secrets["kiosk-2"], proto.KindKiosk)
	defer stop()
	for id := range maps.Keys(r.copy()) {
		if err := r.number(ctx, kiosk, id); err != nil { // the same id gets the same answer, for ever
			return errors.Join(err, v.stop())
		}
		break
	}
	if err := errors.Join(r.number(ctx, kiosk, newID()), v.stop()); err != nil {
		return err
	}
	_, o.lost, o.twin, err = v.check(t.Context(), r)
	return err
}

// read reads what the injector reports.
func (o *ordeal) read() {
	b, err := os.ReadFile(o.i.report)
	o.err = err
	for line := range strings.Lines(string(b)) {
		o.total++
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 4 && f[3] != "made" {
			o.hit = strings.Join(f[1:3], " ")
		}
	}
}

// TestNthOperationFails lets every operation on files that quhaod makes in a scenario fail once with an I/O error and once
// for want of space. Whatever was replied stands, no number is given twice, the log is whole, and the next start works.
func TestNthOperationFails(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 2, 1))
	seed := &victim{conf: d.conf, data: d.data, secrets: map[string]string{}}
	for _, dev := range []string{"kiosk-1", "kiosk-2", "unit-1"} {
		seed.secrets[dev] = d.enrol(dev)
	}
	whole := endure(t, seed, injection{})
	if whole.err != nil || whole.silent == false || whole.total == 0 {
		t.Fatalf("without a failure: %v, %d operations\n%s", whole.err, whole.total, whole.log)
	}
	var plan []injection
	for n := range whole.total {
		plan = append(plan, injection{n: n + 1, errno: syscall.EIO}, injection{n: n + 1, errno: syscall.ENOSPC})
	}
	seedOf := time.Now().UnixNano()
	rand.New(rand.NewPCG(1, uint64(seedOf))).Shuffle(len(plan), func(a, b int) { plan[a], plan[b] = plan[b], plan[a] })
	if os.Getenv("CI") == "" && len(plan) > nthSample {
		t.Logf("A SAMPLE ONLY: %d of %d failures, seed %d; CI=1 tries each", nthSample, len(plan), seedOf)
		plan = plan[:nthSample]
	}
	began := time.Now()
	hits, silent := map[string]int{}, map[string]int{}
	var failed, ended, missing, doubles int
	for o := range ordeals(t, seed, plan) {
		if o.err != nil || o.lost+o.twin > 0 {
			t.Errorf("operation %d (%s) failed with %v: %v; %d lost, %d doubles\n%s", o.i.n, o.hit, o.i.errno, o.err, o.lost, o.twin, tail(o.log, 20))
		}
		if o.hit == "" {
			continue // this time the scenario had fewer operations
		}
		failed++
		missing, doubles = missing+o.lost, doubles+o.twin
		kind := kindOf(o.hit)
		hits[kind]++
		if o.ended {
			ended++
		}
		if o.silent {
			silent[kind]++
			if !mayBeSilent.MatchString(kind) {
				t.Errorf("operation %d (%s) failed with %v, and nothing was logged", o.i.n, o.hit, o.i.errno)
			}
		}
	}
	if failed < len(plan)*9/10 {
		t.Errorf("of %d failures only %d were met: the scenario is not the same from run to run", len(plan), failed)
	}
	for _, kind := range slices.Sorted(maps.Keys(hits)) {
		t.Logf("%4d  %-50s nothing logged %d times", hits[kind], kind, silent[kind])
	}
	t.Logf("operations failed: %d of %d, replied but missing %d, doubles %d; it ended with a reason %d times and went on %d times; %s",
		failed, 2*whole.total, missing, doubles, ended, failed-ended, time.Since(began).Round(time.Second))
}

// mayBeSilent are operations whose failure is told to the one who asked for the copy, or does no harm: SQLite's own syncs of
// folders, a file to be removed that was not there, and the log of SQLite that is written back at the end or at the next start.
var mayBeSilent = regexp.MustCompile(`^(\w+ copy-\d\.db|(open|fsync) (\.|backups)$|unlink |(write|fsync|ftruncate) quhao\.db$|(open|fsync) quhao\.db-wal$)`)

// kindOf is an operation without what differs from run to run.
func kindOf(hit string) string { return regexp.MustCompile(`\d{2,}`).ReplaceAllString(hit, "…") }

// ordeals runs the plan, several at once.
func ordeals(t *testing.T, seed *victim, plan []injection) <-chan ordeal {
	in, out := make(chan injection), make(chan ordeal)
	var workers sync.WaitGroup
	for range nthAtOnce {
		workers.Go(func() {
			// The programs die with the thread that started them.
			runtime.LockOSThread()
			for i := range in {
				out <- endure(t, seed, i)
			}
		})
	}
	go func() {
		for _, i := range plan {
			in <- i
		}
		close(in)
		workers.Wait()
		close(out)
	}()
	return out
}
