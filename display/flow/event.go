package flow

import (
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/internal/proto"
)

// Event is something that has happened to the unit.
type Event interface{ event() }

type (
	// Press is a key of a counter, pressed once: bounce is taken out before.
	Press struct {
		Counter string
		keypad.Press
	}
	// Card is an officer's card at the unit's reader. Digest is proto.CardDigest of its number: the number itself never
	// comes here. Counter is empty if the reader serves several counters: then the next key pressed within 10 s
	// says at which one, and asks for nothing else.
	Card struct{ Counter, Digest string }
	// PipeUp says that the unit is connected and has subscribed.
	PipeUp struct{}
	// PipeDown says that the connection is lost.
	PipeDown struct{}
	// Message is what has arrived.
	Message struct{ proto.Message }
	// Displayed says that a counter's display has taken the bytes of the Display with this At.
	Displayed struct {
		Counter string
		At      proto.At
	}
	// Part is the state of a peripheral for the health message: ok, error or gone.
	Part struct{ Name, State string }
	// Failed says that an action was not done. Those behind it were not tried.
	Failed struct {
		Action Action
		Err    error
	}
	// Tick says only that time has passed.
	Tick struct{}
)

func (Press) event()     {}
func (Card) event()      {}
func (PipeUp) event()    {}
func (PipeDown) event()  {}
func (Message) event()   {}
func (Displayed) event() {}
func (Part) event()      {}
func (Failed) event()    {}
func (Tick) event()      {}

// Action is something the unit wants done.
type Action interface{ action() }

type (
	// Publish sends a message.
	Publish struct{ proto.Message }
	// Drop breaks the connection and dials anew, no sooner than after Rest.
	Drop struct {
		Rest time.Duration
		Why  string // if the controller has rejected the unit: its words
	}
	// Display puts a picture on a counter's display. At is the version of the state it shows, zero if it shows none:
	// then no word of it goes to the controller.
	Display struct {
		Counter string
		Show    led.Show
		At      proto.At
	}
	// Lamp lights the lamp of a counter's call keys, or puts it out.
	Lamp struct {
		Counter string
		On      bool
	}
	// Announce says a number, Repeat times called again before.
	Announce struct {
		Counter string
		Num     string
		Repeat  int
	}
	// Restart ends the program, so that its supervisor starts it anew.
	Restart struct{}
)

func (Publish) action()  {}
func (Drop) action()     {}
func (Display) action()  {}
func (Lamp) action()     {}
func (Announce) action() {}
func (Restart) action()  {}
