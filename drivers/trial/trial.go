// Package trial is the conformance test of each kind of device: one small fixed procedure per kind, for a person at the
// bench with the real thing ("quhao-kiosk try printer") and for the tests with its twin. It sees what a machine can see,
// and asks the person for the rest.
//
// A procedure works on an open line, or on the reading that the program itself does, and knows no configuration.
package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Text is a text in the two languages of a centre.
type Text struct{ ZH, EN string }

// Verdict is how a step came out.
type Verdict int

// The verdicts.
const (
	Passed  Verdict = iota
	Failed          // it does not work
	Unknown         // only a person can say, and nobody did
)

// Step is one thing that was tried.
type Step struct {
	What    Text
	Verdict Verdict
	Detail  Text // what was seen, and for a failure what to do next; may be empty
}

// Answer is what a person says to a question.
type Answer int

// The answers.
const (
	NoAnswer Answer = iota // nobody is there
	Yes
	No
)

// The waits of a bench that sets none.
const (
	patience  = 30 * time.Second // for a person to do something
	standFor  = 2 * time.Second  // each picture on a display
	holdFor   = 3 * time.Second  // a card on the reader
	stuckFor  = 5 * time.Second  // a key that sends all the time
	answerFor = 600 * time.Millisecond
)

// Bench is where a trial takes place. Say and Note must be set; times that are 0 are those of a person.
type Bench struct {
	// Say tells the person what to do or what is going on.
	Say func(Text)
	// Note hears how each step came out, at once.
	Note func(Step)
	// Ask asks a question that is answered by yes or no; nil if nobody is there.
	Ask func(ctx context.Context, question Text) Answer

	Patience time.Duration // how long a person may take for the next tap or key; 0 is 30 s
	Stand    time.Duration // how long a picture stands if nobody is asked about it; 0 is 2 s
	Hold     time.Duration // how long a card is held to the reader; 0 is 3 s
	Gap      time.Duration // how long a card must be away to be a new tap; 0 is 1 s, as in the program
	Stuck    time.Duration // a key that sends for so long without a break is stuck; 0 is 5 s
}

// course is a trial under way.
type course struct {
	Bench
	failed []string
}

// ErrFailed is wrapped by the error of a trial that found something wrong; its text names the steps.
var ErrFailed = errors.New("the trial failed")

func (b Bench) begin() *course {
	for _, d := range []struct {
		at    *time.Duration
		usual time.Duration
	}{{&b.Patience, patience}, {&b.Stand, standFor}, {&b.Hold, holdFor}, {&b.Gap, time.Second}, {&b.Stuck, stuckFor}} {
		if *d.at <= 0 {
			*d.at = d.usual
		}
	}
	return &course{Bench: b}
}

// note tells how a step came out.
func (c *course) note(what Text, v Verdict, detail Text) {
	if v == Failed {
		c.failed = append(c.failed, what.EN)
	}
	c.Note(Step{what, v, detail})
}

func (c *course) pass(what, detail Text) { c.note(what, Passed, detail) }

func (c *course) fail(what, detail Text) { c.note(what, Failed, detail) }

// ask puts a question as a step: yes passes it.
func (c *course) ask(ctx context.Context, question, otherwise Text) {
	answer := NoAnswer
	if c.Ask != nil {
		answer = c.Ask(ctx, question)
	}
	switch answer {
	case Yes:
		c.pass(question, Text{})
	case No:
		c.fail(question, otherwise)
	default:
		c.note(question, Unknown, Text{"请人工查看", "look for yourself"})
	}
}

// end is the outcome of the whole trial.
func (c *course) end(ctx context.Context) error {
	switch {
	case len(c.failed) > 0:
		return fmt.Errorf("%w: %s", ErrFailed, strings.Join(c.failed, "; "))
	case ctx.Err() != nil:
		return fmt.Errorf("%w: it was broken off", ErrFailed)
	}
	return nil
}

// pause waits, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// same is a text that needs no translation.
func same(format string, args ...any) Text {
	s := fmt.Sprintf(format, args...)
	return Text{s, s}
}
