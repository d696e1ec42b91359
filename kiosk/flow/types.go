package flow

import (
	"slices"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/proto"
)

// Text is a text in the two languages of a centre.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// The rules for cards.
const (
	CardRequired = "required" // no ticket without a card
	CardOptional = "optional" // a card that is tapped before the choice is used
	CardNever    = "never"    // cards are not looked at
)

// Choice is a key of the kiosk and what it stands for.
type Choice struct {
	Key  int
	Q    string // id of the department
	Item string // id of the item; empty for the department as a whole
}

// Department is what a kiosk has to know of a department.
type Department struct {
	Name   Text
	Prefix string // letters of its numbers
	Card   string // required, optional or never; anything else counts as optional
	Items  map[string]Text
}

// Config is what a kiosk is.
type Config struct {
	Dev         string
	Hall        string
	Topics      proto.Topics
	Lang        string // of the tickets, zh or en
	Choices     []Choice
	Departments map[string]Department // by id
	Card        string                // the kiosk's own rule for cards; empty: the department's
}

// Event is something that has happened.
type Event interface{ event() }

// The events of a kiosk.
type (
	// Tap is a card laid on the reader, by the digest of its number (proto.CardDigest). The number itself never comes in here.
	Tap struct{ Digest string }
	// Nobody is a card laid on the reader that identifies nobody: a phone that makes up a number, a blank card.
	Nobody struct{}
	// Key is a key pressed.
	Key struct{ N int }
	// Cancel is the visitor's wish to begin anew.
	Cancel struct{}
	// PipeUp says that the pipe to the controller is connected and subscribed.
	PipeUp struct{}
	// PipeDown says that it is cut.
	PipeDown struct{}
	// Message is a message from the pipe.
	Message struct{ M proto.Message }
	// PrinterState is what the printer says of itself, or gone.
	PrinterState struct{ State printer.State }
	// Parts is the word on the kiosk's parts, to be handed on to the controller.
	Parts struct{ Health proto.Health }
	// Printed says how the paper of a Print came out: one of the proto.How words.
	Printed struct {
		ID  proto.ID
		How string
	}
	// Failed says that an action could not be done. The actions behind it were not done either.
	Failed struct {
		Action Action
		Err    error
	}
	// Tick says that time has passed.
	Tick struct{}
)

func (Tap) event()          {}
func (Nobody) event()       {}
func (Key) event()          {}
func (Cancel) event()       {}
func (PipeUp) event()       {}
func (PipeDown) event()     {}
func (Message) event()      {}
func (PrinterState) event() {}
func (Parts) event()        {}
func (Printed) event()      {}
func (Failed) event()       {}
func (Tick) event()         {}

// Action is something to be done.
type Action interface{ action() }

// The actions of a kiosk; Screen is one as well.
type (
	// Print prints one ticket, once. It is answered by Printed, or it fails.
	Print struct{ Job Job }
	// Publish hands a message to the pipe.
	Publish struct{ M proto.Message }
	// Drop breaks the connection and dials no sooner than after Rest.
	Drop struct {
		Rest time.Duration
		Why  string // if the controller has rejected the device: its words
	}
	// Restart ends the program, so that its supervisor starts it anew.
	Restart struct{}
	// Lamp lights the lamp of a key or puts it out.
	Lamp struct {
		Key int
		On  bool
	}
)

func (Print) action()   {}
func (Publish) action() {}
func (Drop) action()    {}
func (Restart) action() {}
func (Lamp) action()    {}
func (Screen) action()  {}

// Job is all that the layout of a ticket needs.
type Job struct {
	ID         proto.ID // the request whose answer this is
	Ticket     proto.TicketRes
	Department Text
	Item       Text
	Lang       string
	Reprint    int  // 0 for the first paper, else which reprint
	Offline    bool // a number of the kiosk's own
	Test       bool // no ticket but the test page
}

// State is what the screen is about.
type State string

// The states of the screen.
const (
	Idle         State = "idle"
	Choose       State = "choose"      // a card was tapped
	TapCard      State = "tap_card"    // a department was chosen that needs a card
	NoIdentity   State = "no_identity" // a card was tapped that identifies nobody
	Asking       State = "asking"
	Printing     State = "printing"
	Take         State = "take"
	Again        State = "again" // the holder's ticket, printed once more
	Closed       State = "closed"
	Full         State = "full"
	NotEligible  State = "not_eligible"
	Appointment  State = "appointment_needed"
	Retry        State = "retry"    // no number this time
	Check        State = "check"    // a number was given and nobody knows how its paper came out
	NoPaper      State = "no_paper" // a number was given but no paper came
	PrinterOut   State = "printer_out"
	PrinterOpen  State = "printer_open"
	PrinterError State = "printer_error"
	Offline      State = "offline"
	Refused      State = "refused"      // the controller has rejected this device
	TakeOffline  State = "take_offline" // a number of the kiosk's own
	Identify     State = "identify"     // which kiosk this is, for somebody who looks for it
	Fault        State = "fault"        // the journal cannot be written
)

// Screen is the whole picture of what the visitor should see.
type Screen struct {
	State      State   `json:"state"`
	Title      Text    `json:"title"`
	Hint       Text    `json:"hint"`
	Department Text    `json:"department"`
	Number     string  `json:"number,omitempty"`
	Ahead      int     `json:"ahead"` // how many wait before this number; -1 if there is none
	Offers     []Offer `json:"offers,omitempty"`
}

// Offer is one thing that can be chosen.
type Offer struct {
	Key        int  `json:"key"`
	Department Text `json:"department"`
	Item       Text `json:"item"`
	Open       bool `json:"open"`
}

func (s Screen) equal(o Screen) bool {
	return slices.Equal(s.Offers, o.Offers) && s.State == o.State && s.Title == o.Title && s.Hint == o.Hint &&
		s.Department == o.Department && s.Number == o.Number && s.Ahead == o.Ahead
}
