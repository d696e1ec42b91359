// Package keypad turns the bytes of call keys and rating keys into key presses, one file per family.
//
// A driver here is an options struct and a translation: it never opens a port, waits or logs.
package keypad

import "errors"

// Op is what a press asks for.
type Op string

// The presses a counter or a kiosk knows. Next to Transfer belong to the officer's call keys,
// Rate to the visitor's five keys, Choose to the kiosk's department keys.
const (
	Next     Op = "next"     // call the next visitor; completes the current one
	Recall   Op = "recall"   // call the same number again
	Start    Op = "start"    // the visitor is here
	NoShow   Op = "no_show"  // the visitor did not come
	Park     Op = "park"     // put the visitor on hold
	Unpark   Op = "unpark"   // call back the one longest on hold
	Pause    Op = "pause"    // pause or resume the counter
	Complete Op = "complete" // the matter is done; does not call
	Transfer Op = "transfer" // to the department or counter numbered Arg
	Invite   Op = "invite"   // the officer asks for a rating
	Rate     Op = "rate"     // the visitor's score, Arg 1 (very bad) to 5 (very good)
	Choose   Op = "choose"   // a kiosk key, Arg 1 to 99: the department with that key
	Call     Op = "call"     // of a pad with few keys: recall while a visitor is called, otherwise next
	End      Op = "end"      // of a pad with few keys: no_show while a visitor is called, otherwise complete
)

// Press is one key pressed by a person.
type Press struct {
	Op   Op
	Arg  int // score, department or counter number; 0 if the Op has none
	Addr int // address of the unit on a shared line, 0 if the line has only one
}

// ErrFrame is wrapped by every error that a Decode returns for bytes it had to throw away.
var ErrFrame = errors.New("bad frame")

// Driver is what a keypad family has to know.
//
// Decode looks at the start of buf and returns how many bytes it has used.
// n == 0 with err == nil means: not enough yet, call again with more.
// A press is valid only if its Op is not empty; reply, if any, is written back (an acknowledgement).
// With err != nil (it wraps ErrFrame) n > 0 bytes were noise. Decode never panics and never keeps buf.
type Driver interface {
	Decode(buf []byte) (n int, p Press, reply []byte, err error)
}

// Lamp is implemented by drivers whose keypad has a lamp the host can light.
type Lamp interface {
	// Lamp returns the bytes that light the key lamp or put it out; none if there is no lamp, by the options.
	Lamp(on bool) []byte
}

// Releaser is implemented by drivers whose keypads tell when a key is let go. Of the others a key counts as held while
// its press is seen again and again; see Held.
type Releaser interface {
	// Releases returns the presses that have ended within frame, the bytes that Decode has just used.
	Releases(frame []byte) []Press
}
