package queue

import (
	"fmt"
	"time"
)

// Command is what somebody wants: the only way to change the centre.
type Command struct {
	Request RequestID // the same id is the same command, however often it comes; empty for ticks and facts
	Actor   string    // who wants it
	Device  string    // the device it came through; empty for console and command line
	IfVer   *Version  // for a counter: refuse with conflict unless this is still its version
	Fact    *Fact     // set if this is a fact of a device: then it is always taken, once
	Do      Wish
}

// Fact is the journal's mark of a fact.
type Fact struct {
	Install InstallID
	Seq     uint64 // from 1
	Sum     string // checksum of the fact as journaled
	What    string // kind of the fact
	Raw     string // the fact as received, kept whole if it changes nothing
}

// Version is the version of a counter for the fence of its commands: it changes with all an officer sees of it but the rating.
type Version struct{ Epoch, CV uint64 }

// Wish is what a command asks for. Each kind has a type of its own in this file.
type Wish interface{ wish() }

type (
	// Take asks for a ticket.
	Take struct {
		Dept   DeptID
		Item   string
		Holder string
		Lang   string
		Class  string
		Needs  []string
	}
	// SignOn puts an officer at a counter; another officer who sits there is relieved, the open visit included.
	SignOn struct {
		Counter CounterID
		Officer OfficerID
	}
	// SignOff closes a counter that has no open visit.
	SignOff struct{ Counter CounterID }
	// Pause pauses a counter.
	Pause struct {
		Counter CounterID
		Reason  string
	}
	// Unpause ends the pause.
	Unpause struct{ Counter CounterID }
	// Next completes as direct what is open at the counter, and calls the next ticket.
	Next struct{ Counter CounterID }
	// Recall calls the same number again.
	Recall struct{ Counter CounterID }
	// Start says that the visitor is here.
	Start struct{ Counter CounterID }
	// Miss says that the visitor did not come.
	Miss struct{ Counter CounterID }
	// Park puts the visitor on hold.
	Park struct{ Counter CounterID }
	// Unpark calls a visitor back from hold; without a ticket, the one longest on hold at this counter.
	Unpark struct {
		Counter CounterID
		Ticket  TicketID
	}
	// Transfer sends the visitor to another department, or to one counter. The place is kept.
	Transfer struct {
		Counter   CounterID
		To        DeptID
		ToCounter CounterID
	}
	// Complete ends the visit with one of the five outcomes.
	Complete struct {
		Counter CounterID
		Outcome string
	}
	// Reinstate brings back a visitor who missed the call.
	Reinstate struct{ Ticket TicketID }
	// Undo takes back the last operation of the counter.
	Undo struct{ Counter CounterID }
	// OpenDay begins a service day.
	OpenDay struct{}
	// CloseDay ends it. It is refused while tickets are printing or visits are open, unless Force.
	CloseDay struct{ Force bool }
	// SetIssuing opens or closes a department for new tickets.
	SetIssuing struct {
		Dept DeptID
		Open bool
	}
	// Tick does what is due.
	Tick struct{}
	// RaiseEpoch makes the epoch at least To, one above the present one at least.
	RaiseEpoch struct {
		To   uint64
		Boot string
		Why  string
	}
	// Bind ties an installation to a device. Replace allows it to take the place of another one.
	Bind struct {
		Device  string
		Install InstallID
		Replace bool
	}
	// LetHandIn lets an installation hand in its journal although it is not the one of its device: only during a recovery.
	LetHandIn struct {
		Device  string
		Install InstallID
	}
	// ReportPaper is a fact: news of a paper. Started carries the whole ticket.
	ReportPaper struct {
		Ticket TicketID // empty for an abandoned request that was never answered
		Answer RequestID
		Paper  Paper
		Dept   DeptID
		Item   string
		Number string
		Day    Day
		Holder string
		Lang   string
		Off    int // the place in the kiosk's own series; 0 for a number of the controller
		// When it was printed, as the device says, and whether its clock can be trusted.
		Claimed time.Time
		ClockOK bool
		// The device's messages prove that the paper did not exist when the event NotBefore was the last, and did when NotAfter
		// was. Zero: nothing is known.
		NotBefore, NotAfter uint64
	}
	// SkipGap gives up the facts before First, the oldest that the journal of an installation holds: they were dropped because
	// of their age, and only a backup that is older still does not know them. Papers is how many papers they and those
	// before them tell of, as the device says.
	SkipGap struct {
		Install InstallID
		First   uint64
		Papers  uint64
	}
	// Permit lets an installation give numbers of its own while it is cut off.
	Permit struct {
		Device  string
		Install InstallID
		Letters string
		Cap     int // how many between two permits of different days
		Has     int // the highest place that the device says it has used
	}
	// BeginRecovery follows a restore.
	BeginRecovery struct{ Why string }
	// EndRecovery ends it. Heard are the highest numbers that devices have seen; Jump skips more, if not every journal was heard.
	EndRecovery struct {
		Heard map[DeptID]int
		Jump  int
		Why   string
	}
	// Rate is a fact: a visitor's score.
	Rate struct {
		Visit VisitID
		Score int
	}
	// Presence is a fact: an officer came to a counter or left it.
	Presence struct {
		Counter CounterID
		Officer OfficerID
		On      bool
	}
	// Noted is a fact that says only that an order was carried out; it is kept whole.
	Noted struct{}
	// Unknown is a fact whose kind is not known to this version; it is kept whole.
	Unknown struct{ Why string }
)

func (Take) wish()        {}
func (SignOn) wish()      {}
func (SignOff) wish()     {}
func (Pause) wish()       {}
func (Unpause) wish()     {}
func (Next) wish()        {}
func (Recall) wish()      {}
func (Start) wish()       {}
func (Miss) wish()        {}
func (Park) wish()        {}
func (Unpark) wish()      {}
func (Transfer) wish()    {}
func (Complete) wish()    {}
func (Reinstate) wish()   {}
func (Undo) wish()        {}
func (OpenDay) wish()     {}
func (CloseDay) wish()    {}
func (SetIssuing) wish()  {}
func (Tick) wish()        {}
func (RaiseEpoch) wish()  {}
func (Bind) wish()        {}
func (ReportPaper) wish() {}
func (Rate) wish()        {}
func (Presence) wish()    {}
func (Noted) wish()       {}
func (Unknown) wish()     {}

func (LetHandIn) wish()     {}
func (SkipGap) wish()       {}
func (Permit) wish()        {}
func (BeginRecovery) wish() {}
func (EndRecovery) wish()   {}

// Code is the short answer to a command.
type Code string

// The answers. OK, Dup and Empty can stand on an Answer; the others are refusals.
const (
	OK          Code = "ok"
	Dup         Code = "dup"          // the holder has a live ticket in this department: here it is
	Empty       Code = "empty"        // nobody is waiting whom this counter can serve
	Closed      Code = "closed"       // the day, the department or the counter is not open
	Full        Code = "full"         // the series has no number left
	NotEligible Code = "not_eligible" // this department wants a card
	Conflict    Code = "conflict"     // the counter is no longer as the caller saw it, or not in a state for this
	Recovering  Code = "recovering"   // a restore is not finished: no numbers yet
	Early       Code = "early"        // the policy for missed calls does not allow it yet
	Fault       Code = "error"        // the command makes no sense here
	Nothing     Code = "nothing"      // there is nothing to do: a fact taken before, a tick with nothing due
)

// Refusal says why a command changes nothing.
type Refusal struct {
	Code Code
	Why  string // in words, for the log and the console
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Code, r.Why) }

func refuse(c Code, format string, args ...any) *Refusal {
	return &Refusal{Code: c, Why: fmt.Sprintf(format, args...)}
}

// Answer is the answer to a request that changed something; it stays the same for ever.
type Answer struct {
	Code    Code
	Ticket  TicketID  // for Take
	Ahead   int       // for Take: how many stood before it when it was answered
	Counter CounterID // for an operation of a counter
	Seq     uint64    // the event that it made, which is the new version of the counter
}
