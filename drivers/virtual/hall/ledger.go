package main

import (
	"fmt"
	"sync"
)

// seenVisit is a visit as the people at the counter lived it.
type seenVisit struct {
	number  string
	dept    string
	counter string
	outcome string // in the daemon's words; empty while it lasts
	score   int    // the rating key that was pressed; 0: none
}

// ledger is what the people of the demo have seen, written down without a look at the database.
type ledger struct {
	mu       sync.Mutex
	visitors []*visitor
	holders  map[string]*visitor // by the number on their paper
	visits   map[string]*seenVisit
	wrong    []string
	bell     bell
}

func newLedger(visitors []*visitor) *ledger {
	return &ledger{visitors: visitors, holders: map[string]*visitor{}, visits: map[string]*seenVisit{}}
}

// note runs f under the lock and wakes who waits.
func (l *ledger) note(f func()) {
	l.mu.Lock()
	f()
	l.mu.Unlock()
	l.bell.ring()
}

// complain writes down something that must not be.
func (l *ledger) complain(format string, args ...any) {
	l.note(func() { l.wrong = append(l.wrong, fmt.Sprintf(format, args...)) })
}

// hold notes whose paper a number is on.
func (l *ledger) hold(v *visitor, p paper) {
	l.note(func() {
		switch other := l.holders[p.number]; {
		case p.number == "":
			l.wrong = append(l.wrong, fmt.Sprintf("visitor %d got a paper without a number", v.no))
		case other != nil && other != v:
			l.wrong = append(l.wrong, fmt.Sprintf("%s is on the papers of visitors %d and %d", p.number, other.no, v.no))
		default:
			l.holders[p.number] = v
			v.number = p.number
		}
	})
}

// holder is who has a number's paper and is free to come; paper says whether anybody has it at all.
func (l *ledger) holder(number string) (v *visitor, paper bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v = l.holders[number]
	if v == nil || !v.hasSat {
		return nil, v != nil
	}
	return v, true
}

// visit returns the notes on a visit, new ones if there are none.
func (l *ledger) visit(id string, v seenVisit) (first bool) {
	l.note(func() {
		if first = l.visits[id] == nil; first {
			l.visits[id] = &v
		}
	})
	return first
}

// over says whether nobody is in the hall any more.
func (l *ledger) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range l.visitors {
		if !v.settled {
			return false
		}
	}
	return true
}

// unsettled names who is still there, for an account of a morning that did not end.
func (l *ledger) unsettled() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range l.visitors {
		if !v.settled {
			out = append(out, fmt.Sprintf("visitor %d, who came for %s and has the number %q", v.no, v.want.Department, v.number))
		}
	}
	return out
}
