//go:build hwtest

package hwtest

import (
	"strings"
	"syscall"
	"time"
)

// running is a program, or a reader, of the guest.
type running struct {
	m    *machine
	name string
	id   int
	text string // all it has written so far, as far as it was asked for
	how  string
	over bool
}

// start starts a program of the guest.
func (m *machine) start(name string, args ...string) *running {
	m.t.Helper()
	r := &running{m: m, name: name}
	m.must("Start", Command{Name: name, Args: args}, &r.id)
	return r
}

// listen lets the guest itself read a device, and waits until its port is open.
func (m *machine) listen(d Reader) *running {
	m.t.Helper()
	r := &running{m: m, name: d.Driver}
	m.must("Listen", d, &r.id)
	r.until("its port open", func(text string) bool { return strings.Contains(text, "up\n") })
	return r
}

// more asks for what has been written since, and waits for it a while.
func (r *running) more(wait time.Duration) {
	r.m.t.Helper()
	var s Said
	r.m.must("Output", Ask{ID: r.id, From: len(r.text), Wait: wait}, &s)
	r.text += s.Text
	r.over, r.how = s.Ended, s.How
}

// until waits until what was written is as wanted.
func (r *running) until(what string, want func(text string) bool) {
	r.m.t.Helper()
	for inVain := r.m.waiting(); !want(r.text); {
		if r.over || inVain() {
			r.m.fatal("%s: in vain: %s (ended: %t %s); it says:\n%s", r.name, what, r.over, r.how, tail(r.text, 25))
		}
		r.more(time.Second)
	}
}

// lines are the lines written so far that begin with a word, without it.
func (r *running) lines(word string) (out []string) {
	for line := range strings.Lines(r.text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), word+" "); ok {
			out = append(out, rest)
		}
	}
	return out
}

// end ends it by a signal and waits for that.
func (r *running) end(s syscall.Signal) {
	r.m.t.Helper()
	r.m.must("Signal", Kill{ID: r.id, Signal: int(s)}, &struct{}{})
	for inVain := r.m.waiting(); !r.over; {
		if inVain() {
			r.m.fatal("%s does not end", r.name)
		}
		r.more(time.Second)
	}
}

// held is what the program holds now.
func (r *running) held() (h Held) {
	r.m.t.Helper()
	r.m.must("Held", r.id, &h)
	return h
}

// last asks once more and returns the last lines.
func (r *running) last() string {
	r.more(0)
	return tail(r.text, 25)
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
