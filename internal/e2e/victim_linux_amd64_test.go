package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
