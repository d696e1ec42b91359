package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/proto"
)

const (
	// nthSample is how many failures are tried where CI is not set; in CI it is each.
	nthSample = 120
	nthAtOnce = 24 // programs side by side: mostly they wait for the second after which a database is tried again
	// nthWithin bounds each part of a run: a start, a morning, an end.
	nthWithin = 40 * time.Second
)

// victim is quhaod on a folder of its own, one of whose operations fails.
type victim struct {
	conf, data string
	secrets    map[string]string

	cmd  *exec.Cmd
	gone chan struct{}
	mqtt string // where it listens, once it is ready

	mu  sync.Mutex
	log bytes.Buffer // of all starts
}

var readyAt = regexp.MustCompile(`msg=ready mqtt=(\S+) `)

// start starts the program, with an operation that fails if i is not nil. ready is false if it has ended instead.
func (v *victim) start(i *injection) (ready bool, err error) {
	args := []string{bin("quhaod"), "run", "-config", v.conf, "-data", v.data, "-mqtt", "127.0.0.1:0", "-http", "127.0.0.1:0"}
	v.cmd = exec.Command(args[0], args[1:]...)
	if i != nil {
		v.cmd = exec.Command(os.Args[0], args...)
		v.cmd.Env = append(os.Environ(), injectEnv+"="+i.String())
	}
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := v.cmd.StderrPipe()
	if err != nil {
		return false, err
	}
	// The kernel's signal at the parent's death is that of the thread that starts the program.
	if err := v.cmd.Start(); err != nil {
		return false, err
	}
	addr, gone := make(chan string, 1), make(chan struct{})
	v.gone = gone
	go func(cmd *exec.Cmd) {
		defer close(gone)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			v.mu.Lock()
			fmt.Fprintln(&v.log, lines.Text())
			v.mu.Unlock()
			if m := readyAt.FindStringSubmatch(lines.Text()); m != nil {
				addr <- m[1]
			}
		}
		_ = cmd.Wait() // how it ended is seen in its state
	}(v.cmd)
	select {
	case v.mqtt = <-addr:
		return true, nil
	case <-gone:
		return false, nil
	case <-time.After(nthWithin):
		return false, errors.Join(errors.New("it is neither ready nor has it ended"), v.cmd.Process.Kill())
	}
}

func (v *victim) said() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.log.String()
}

// stop asks the program to end and waits until it has.
func (v *victim) stop() error {
	_ = v.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-v.gone:
		return nil
	case <-time.After(nthWithin):
		return errors.Join(errors.New("it does not end when asked to"), v.cmd.Process.Kill())
	}
}

// tell gives the running program a command of the command line.
func (v *victim) tell(ctx context.Context, words ...string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(v.data, "quhaod.sock"))
	}}}
	body, err := json.Marshal(words)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://quhaod/do", bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", strings.Join(words, " "), bytes.TrimSpace(text))
	}
	return err
}

// patiently does something until it succeeds or ctx ends: a disk that failed once is tried again after a second.
func patiently(ctx context.Context, what string, do func() error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w, and %w", what, err, ctx.Err())
		case <-tick.C:
		}
	}
}

// while is a context that ends with the program, or after nthWithin.
func (v *victim) while(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, nthWithin)
	gone := v.gone
	go func() {
		select {
		case <-gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// replies are what a program has promised.
type replies struct {
	*given
	called string // a number whose call was answered
	rated  bool
}

// morning is the scenario: three numbers, a call, a rating, a copy of the database.
func (v *victim) morning(ctx context.Context, t *testing.T, r *replies) error {
	ctx, cancel := v.while(ctx)
	defer cancel()
	kiosk, stop := dial(t, v.mqtt, "kiosk-1", v.secrets["kiosk-1"], proto.KindKiosk)
	defer stop()
	unit, stop := dial(t, v.mqtt, "unit-1", v.secrets["unit-1"], proto.KindCounter, proto.NewTopics("").Counter("c1"))
	defer stop()
	if err := patiently(ctx, "sign on", func() error {
		err := v.tell(ctx, "sign", "on", "c1", "officer-1")
		if err != nil && strings.Contains(err.Error(), "signed on") {
			return nil
		}
		return err
	}); err != nil {
		return err
	}
	for range 3 {
		if err := r.number(ctx, kiosk, newID()); err != nil {
			return err
		}
	}
	if err := r.visit(ctx, unit); err != nil {
		return err
	}
	copied := 0
	return patiently(ctx, "backup", func() error {
		copied++
		return v.tell(ctx, "backup", filepath.Join(v.data, fmt.Sprintf("copy-%d.db", copied)))
	})
}

// number takes a number with an id, again and again until it is given, and notes it.
func (r *replies) number(ctx context.Context, kiosk *client, id proto.ID) error {
	return patiently(ctx, "a number", func() error {
		res, err := kiosk.ask(ctx, proto.Cmd{ID: id, Op: proto.OpTicket, Q: "office"})
		if err != nil {
			return err
		}
		if res.S == proto.ResClosed {
			id = newID() // a refusal is for good; the next tap is another request
		}
		if res.S != proto.ResOK {
			return fmt.Errorf("%s: %s", res.S, res.Why)
		}
		if err := r.add(id, res); err != nil {
			return err
		}
		return kiosk.print(id, res.Ticket)
	})
}

// visit calls the first number, serves it and has it rated.
func (r *replies) visit(ctx context.Context, unit *client) error {
	op := func(op, from, outcome string) error {
		id := newID()
		return patiently(ctx, op, func() error {
			st, err := unit.watch(ctx, "c1", func(s proto.CounterState) bool { return s.S != "" })
			if err != nil || st.S != from {
				return errors.Join(err, fmt.Errorf("the counter is %q, not %q", st.S, from))
			}
			res, err := unit.ask(ctx, proto.Cmd{ID: id, Op: op, Counter: "c1", Outcome: outcome, IfVer: &proto.At{Epoch: st.Epoch, Ver: st.CV}})
			if err != nil {
				return err
			}
			if res.S != proto.ResOK {
				id = newID() // what was refused may have been stale: the next try is another press
				return fmt.Errorf("%s: %s", res.S, res.Why)
			}
			return nil
		})
	}
	if err := op(proto.OpNext, "idle", ""); err != nil {
		return err
	}
	st, err := unit.watch(ctx, "c1", func(s proto.CounterState) bool { return s.S == "calling" })
	if err != nil {
		return err
	}
	r.called = st.Num
	if err := op(proto.OpStart, "calling", ""); err != nil {
		return err
	}
	if err := op(proto.OpComplete, "serving", "direct"); err != nil {
		return err
	}
	if st, err = unit.watch(ctx, "c1", func(s proto.CounterState) bool { return s.Rating != nil }); err != nil {
		return err
	}
	if err := unit.keep(proto.Fact{K: proto.FactRating, Tok: st.Rating.Tok, V: 5}); err != nil {
		return err
	}
	if _, err = unit.watch(ctx, "c1", func(s proto.CounterState) bool { return s.Rating == nil }); err == nil {
		r.rated = true
	}
	return err
}

// check compares what was promised with the database of the ended program.
func (v *victim) check(ctx context.Context, r *replies) (tickets, lost, doubles int, err error) {
	st, err := store.Open(v.data, store.Options{Who: "the test"})
	if err != nil {
		return 0, 0, 0, err
	}
	defer st.Close()
	s := queue.New()
	called, rated := false, false
	err = errors.Join(st.Verify(ctx, nil), st.Load(func(e queue.Event) error { _, err := s.Apply(e); return err }))
	numbers := map[string]bool{}
	for _, ticket := range s.Tickets {
		if numbers[ticket.Number] {
			doubles++
		}
		numbers[ticket.Number] = true
	}
	for id, number := range r.copy() {
		if ticket := s.Tickets[queue.TicketID(id)]; ticket == nil || ticket.Number != number {
			lost++
		}
	}
	for _, visit := range s.Visits {
		called = called || s.Tickets[visit.Ticket].Number == r.called
		rated = rated || visit.Score == 5
	}
	if r.called != "" && !called || r.rated && !rated {
		lost++
		err = errors.Join(err, fmt.Errorf("the call of %q or its rating (%t) is not in the database", r.called, r.rated))
	}
	return len(s.Tickets), lost, doubles, err
}

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
