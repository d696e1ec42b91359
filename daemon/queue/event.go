package queue

import "time"

// Event is one thing that has happened in the centre. Events are kept for ever, in the order of Seq;
// the names and meanings of the fields of every body are a file format and guarded by golden files (daemon/store).
type Event struct {
	Seq     uint64    // from 1, without gaps
	At      time.Time // the controller's clock, UTC, to the millisecond; information, it never decides an order
	Day     Day       // the service day it belongs to
	Request RequestID // the command that caused it; empty for facts and ticks
	Actor   string    // who: dev:kiosk-1, officer:o12, cli, timer
	Install InstallID // for a fact: whose
	FactSeq uint64    // for a fact: its number in the installation's journal; 0 otherwise
	FactSum string    // for a fact: its checksum
	FactGap uint64    // for GapSkipped: how many facts are missing for good; in older logs also for the first fact behind them
	Body    Body
}

// Body is what happened. Each kind of event has a body type of its own in this file.
type Body interface{ Kind() string }

// Paper says how the paper of one answer came out.
type Paper string

// The states of a possible paper.
const (
	PaperOpen      Paper = ""          // answered, nothing heard yet
	PaperStarted   Paper = "started"   // the first byte went to the printer
	PaperConfirmed Paper = "confirmed" // the printer itself said so
	PaperAsked     Paper = "asked"     // the printer was asked afterwards and was well
	PaperSent      Paper = "sent"      // all bytes were sent, the printer answers nothing
	PaperUnknown   Paper = "unknown"   // power was cut in between
	PaperNone      Paper = "none"      // no paper moved
	PaperAbandoned Paper = "abandoned" // the answer was never used
	PaperOffline   Paper = "offline"   // no answer came in time, and a number of the kiosk's own was printed instead
)

// known says that this answer certainly made no paper.
func (p Paper) none() bool { return p == PaperNone || p == PaperAbandoned || p == PaperOffline }

// Place is where a ticket stands in the order of the whole centre; smaller is earlier.
// An ordinary ticket has the number of its own event and 0. A ticket put in later has the number of the event
// it stands behind, and its own.
type Place struct{ After, Tie uint64 }

// Before says whether p is earlier than q.
func (p Place) Before(q Place) bool {
	return p.After < q.After || p.After == q.After && p.Tie < q.Tie
}

// Outcomes of a visit. The first five are the regulation's (article 25).
const (
	Direct      = "direct"      // 当场办结
	Promised    = "promised"    // 承诺办理
	Joint       = "joint"       // 联审办理
	Supplement  = "supplement"  // 一次性告知
	Refused     = "refused"     // 不予办理
	NoShow      = "no_show"     // 过号
	Parked      = "parked"      // 挂起
	Transferred = "transferred" // 转办
	Undone      = "undone"      // 撤销
	Lost        = "lost"        // 未结束: the day was closed, or a restore lost it
)

type (
	// EpochRaised is written at every start, and when a device has heard of a later epoch than ours.
	EpochRaised struct {
		Epoch uint64
		Boot  string
		Why   string // start, seen
	}
	// Carry is the part of the state that outlives a day.
	Carry struct {
		Epoch      uint64
		Boot       string
		Installs   []Install // by ID
		Devices    map[string]InstallID
		Letters    map[string]int // letters of kiosks, with the highest place in their series that any paper can have
		Recovering bool
	}
	// Install is one installation of a device.
	Install struct {
		ID     InstallID
		Device string
		Ack    uint64 // its facts are taken up to this one
		Sum    string // checksum of that fact
		HW     uint64 // papers it has started, as far as its facts are taken
		Off    int    // highest place in its own series that is known to be on a paper
		From   int    // it gives no place in its series below this one; 0 without a permit
		Permit Day    // the day of its last permit
	}
	// Bound ties an installation to a device name.
	Bound struct {
		Device  string
		Install InstallID
	}
	// HandsIn lets an installation that waits for approval hand in its journal during a recovery: it is not the device's.
	HandsIn struct {
		Device  string
		Install InstallID
	}
	// DayOpened begins a service day. Carry is all of the state that lives longer than a day,
	// so that a start has to read no further back than the day before.
	DayOpened struct {
		Carry Carry
	}
	// DayClosed ends a service day. What still waited is Expired, what was still open at a counter is Lost.
	DayClosed struct{}
	// IssuingSet opens or closes a department for new tickets.
	IssuingSet struct {
		Dept DeptID
		Open bool
	}
	// Issued is a new ticket.
	Issued struct {
		Ticket  TicketID
		Dept    DeptID
		Item    string
		Num     int    // in its series; 0 for a number given elsewhere
		Number  string // as printed
		Twin    int    // 0; above 0 for a paper whose number another paper holds already
		Class   string
		Needs   []string
		Holder  string // hash of the card under the day's key; empty without a card
		Lang    string
		Device  string
		Place   Place
		Ahead   int    // how many stood before it
		Printed bool   // it comes from a paper that is known to exist
		Odd     string // why this ticket needs a person's eye; empty if it does not
		// The rest is for a paper that is known to exist.
		Day      Day       // the day that it belongs to; 0 is the open one
		Expired  bool      // that day is over
		Off      int       // the place in the kiosk's own series; 0 for a number of the controller
		Answer   RequestID // the request that it was printed for
		Replaces TicketID  // the ticket whose place it takes: what the controller had given for that request and nobody heard of, or a ticket of a day that is over
		Voids    bool      // with this, Replaces certainly has no paper
	}
	// Shown is a second answer with a ticket its holder already has: one more possible paper of it.
	Shown struct {
		Ticket TicketID
		Ahead  int
	}
	// Papered is news of a possible paper of a ticket. Answer is the request whose answer it was.
	Papered struct {
		Ticket TicketID
		Answer RequestID
		Paper  Paper
		Device string
		Voids  bool // with this, no paper of the ticket can exist
	}
	// Ready moves tickets that have been printing for too long to waiting.
	Ready struct{ Tickets []TicketID }
	// FactKept is a fact that changes nothing: a late rating, a paper that is not ours. It is kept whole.
	FactKept struct {
		What string // the kind of the fact
		Raw  string // as received
		Odd  string // why it changes nothing; empty if that is normal
		// Closes is a request that was given up without an answer: a late copy of it must not make a ticket.
		Closes RequestID
	}
	// GapSkipped says that facts of an installation are missing for good: its journal begins behind those that are taken.
	// The installation is the event's.
	GapSkipped struct {
		First  uint64 // the oldest fact that the journal holds
		Papers uint64 // how many papers the installation had begun before that one
	}
	// SignedOn puts an officer at a counter. Left is the counter the officer sat at until now.
	SignedOn struct {
		Counter CounterID
		Officer OfficerID
		Left    CounterID
	}
	// SignedOff closes a counter.
	SignedOff struct{ Counter CounterID }
	// Paused pauses a counter; a visit that was being served is completed as direct.
	Paused struct {
		Counter   CounterID
		Reason    string
		Completed VisitID
		RatingFor int64 // ms the completed visit may be rated
	}
	// Unpaused ends a pause.
	Unpaused struct{ Counter CounterID }
	// Called calls a ticket to a counter and opens a visit; a visit that was being served there is completed as direct.
	Called struct {
		Counter   CounterID
		Ticket    TicketID
		Visit     VisitID
		Completed VisitID
		Cycle     bool  // ratio policy: a new round of shares begins with this call
		Parked    bool  // called back from hold: it did not stand in the order
		RatingFor int64 // ms the completed visit may be rated
	}
	// Recalled calls the same number again.
	Recalled struct {
		Counter CounterID
		Visit   VisitID
	}
	// Started says that the visitor is here. RatingFor is how long the visit before may still be rated, in ms.
	Started struct {
		Counter   CounterID
		Visit     VisitID
		RatingFor int64
	}
	// Ended ends a visit, whatever its outcome. To and ToCounter are set for a transfer.
	Ended struct {
		Counter   CounterID
		Visit     VisitID
		Outcome   string
		To        DeptID
		ToCounter CounterID
		Empty     bool  // it came from next, and nobody was waiting
		RatingFor int64 // ms the visit may be rated; 0 for outcomes that are not
	}
	// Reinstated brings back a visitor who had missed the call.
	Reinstated struct {
		Ticket TicketID
		Place  Place
	}
	// Permitted allows an installation to give numbers of its own while it is cut off.
	Permitted struct {
		Device  string
		Install InstallID
		Letters string
		From    int // not below this place in its series
		High    int // no paper with these letters can have a higher place until the next permit
	}
	// RecoveryBegun follows a restore: what happened after the backup is known to the kiosks' journals only.
	// Open visits are lost. No number is given until RecoveryEnded.
	RecoveryBegun struct{ Why string }
	// RecoveryEnded lets the departments go on, each at a number that nobody can hold.
	RecoveryEnded struct {
		Next map[DeptID]int
		Why  string
	}
	// Undid takes back the last operation of a counter.
	Undid struct {
		Counter CounterID
		Of      uint64 // the event taken back
	}
	// Rated is the visitor's score of a visit, 1 to 5.
	Rated struct {
		Visit VisitID
		Score int
	}
)

// Kind names the body in the log. The names are for ever.
func (EpochRaised) Kind() string   { return "epoch_raised" }
func (Bound) Kind() string         { return "bound" }
func (HandsIn) Kind() string       { return "hands_in" }
func (DayOpened) Kind() string     { return "day_opened" }
func (DayClosed) Kind() string     { return "day_closed" }
func (IssuingSet) Kind() string    { return "issuing_set" }
func (Issued) Kind() string        { return "issued" }
func (Shown) Kind() string         { return "shown" }
func (Papered) Kind() string       { return "papered" }
func (Ready) Kind() string         { return "ready" }
func (FactKept) Kind() string      { return "fact_kept" }
func (GapSkipped) Kind() string    { return "gap_skipped" }
func (SignedOn) Kind() string      { return "signed_on" }
func (SignedOff) Kind() string     { return "signed_off" }
func (Paused) Kind() string        { return "paused" }
func (Unpaused) Kind() string      { return "unpaused" }
func (Called) Kind() string        { return "called" }
func (Recalled) Kind() string      { return "recalled" }
func (Started) Kind() string       { return "started" }
func (Ended) Kind() string         { return "ended" }
func (Reinstated) Kind() string    { return "reinstated" }
func (Permitted) Kind() string     { return "permitted" }
func (RecoveryBegun) Kind() string { return "recovery_begun" }
func (RecoveryEnded) Kind() string { return "recovery_ended" }
func (Undid) Kind() string         { return "undid" }
func (Rated) Kind() string         { return "rated" }
