package queue

import (
	"maps"
	"slices"
	"time"
)

// TicketState is where a ticket is on its way.
type TicketState string

// The states of a ticket.
const (
	Printing TicketState = "printing" // its paper is not yet known to be there
	Waiting  TicketState = "waiting"
	Calling  TicketState = "called"  // at a counter, the visitor is not yet there
	Serving  TicketState = "serving" // at a counter, the visitor is there
	OnHold   TicketState = "parked"
	Gone     TicketState = "missed" // did not come when called
	Done     TicketState = "done"
	Void     TicketState = "void"    // it certainly has no paper
	Expired  TicketState = "expired" // the day was closed before its turn
)

// Live says whether the ticket still wants something of the centre.
func (t TicketState) Live() bool {
	switch t {
	case Printing, Waiting, Calling, Serving, OnHold:
		return true
	}
	return false
}

// atDesk says whether the holder is expected at a counter now.
func (t TicketState) atDesk() bool { return t == Calling || t == Serving }

// inLine says whether the ticket has a place among those who wait.
func (t TicketState) inLine() bool { return t == Printing || t == Waiting }

// Ticket is one visitor's place in one department's queue on one day. It never holds a name or a card number.
type Ticket struct {
	ID       TicketID
	Day      Day
	Dept     DeptID
	Item     string
	Num      int
	Number   string // as printed
	Twin     int    // above 0: another paper holds this number
	Class    string
	Needs    []string
	Holder   string // hash of the card under the day's key
	Lang     string
	Device   string
	Issued   time.Time
	Ahead    int
	Place    Place
	State    TicketState
	Since    time.Time // when State began; printing begins anew at a restart
	Passed   int       // how often a later ticket of the department was called before it
	Returned int       // how often it was reinstated
	OnlyAt   CounterID // after a transfer to one counter
	At       CounterID // where it is called, served or on hold
	Papers   map[RequestID]Paper
	Odd      string
	Off      int    // the place in a kiosk's own series; 0 for a number of the controller
	Touched  uint64 // the last event that changed it

	first Place                // where it stood when it was issued
	asked map[RequestID]string // the device that asked for each possible paper
	moved uint64               // the last event that changed State or Dept: news of its paper alone does not stand in the way of an undo
}

// Visit is one ticket at one counter, from the call to its end.
type Visit struct {
	ID       VisitID
	Ticket   TicketID
	Day      Day
	Dept     DeptID
	Counter  CounterID
	Officer  OfficerID
	Called   time.Time
	LastCall time.Time
	Recalls  int
	Started  time.Time // zero: never said so
	Ended    time.Time // zero: still open
	Outcome  string    // empty while open
	Score    int       // 1 to 5; 0 without a rating
	Touched  uint64
}

// DeskState is what a counter is doing.
type DeskState string

// The states of a counter, the same words as on the wire.
const (
	DeskClosed  DeskState = "closed"
	DeskIdle    DeskState = "idle"
	DeskCalling DeskState = "calling"
	DeskServing DeskState = "serving"
	DeskPaused  DeskState = "paused"
)

// Desk is a counter as it is now.
type Desk struct {
	ID      CounterID
	State   DeskState
	Officer OfficerID
	Reason  string  // of the pause
	Visit   VisitID // the open visit
	Ver     uint64  // the last event that changed anything here
	CV      uint64  // the last event that changed more than the rating

	RatingOf    VisitID // the visit that may be rated now
	RatingFrom  time.Time
	RatingUntil time.Time

	last *slip // what Undo would take back; nil if there is nothing
}

// slip is what a counter's last operation changed, as it was before: what Undo brings back.
type slip struct {
	seq     uint64
	at      time.Time
	desk    Desk
	tickets []Ticket // without their papers
	visits  []Visit
	passed  []overtaken

	// The share that the call took, for the ratio policy; dept is empty if it took none.
	dept  DeptID
	class string
	round uint64 // the round it was counted in
}

// overtaken is a ticket that a call passed over, and where it stood: a ticket with a new place has forgotten it.
type overtaken struct {
	t     *Ticket
	place Place
}

// round is one round of the ratio policy in a department.
type round struct {
	began  uint64         // the event of its first call
	given  map[string]int // calls per class
	before *round         // the round before, for the undo of all calls of this one; that round has forgotten its own
}

// State is the centre as it is. Only Apply changes it. What it holds is of the present day and the day before;
// everything older is in the log alone.
type State struct {
	Seq      uint64
	Epoch    uint64
	Boot     string
	Day      Day
	Open     bool
	Issuing  map[DeptID]bool // closed departments only hold false; a department that is not named is open
	LastNum  map[DeptID]int  // highest number given out today
	Tickets  map[TicketID]*Ticket
	Visits   map[VisitID]*Visit
	Desks    map[CounterID]*Desk
	Installs map[InstallID]*Install
	Devices  map[string]InstallID
	Letters  map[string]int // highest place that any paper with these letters can have; of no letters: with any, before the last restore

	// Recovering: restored from a backup, and not every journal was heard yet.
	Recovering bool

	opened  time.Time               // when the day was opened
	dayVer  uint64                  // the event that opened the day: version of a counter nobody has used yet
	answers [2]map[RequestID]Answer // of today and of the day before
	lines   map[DeptID][]*Ticket    // printing and waiting, by place
	rounds  map[DeptID]*round
	busy    map[string]int       // holders who are called or served
	held    map[string][]*Ticket // all tickets of a card today
	numbers map[string]int       // papers that hold a number today

	atPrinter []*Ticket // the tickets that are printing, by place
	partial   bool      // the replay began with the present day: nothing of the day before is here
}

// New returns the state before the first event.
func New() *State {
	s := &State{
		Tickets: map[TicketID]*Ticket{}, Visits: map[VisitID]*Visit{},
		Desks: map[CounterID]*Desk{}, Installs: map[InstallID]*Install{}, Devices: map[string]InstallID{},
		Letters: map[string]int{},
	}
	s.newDay()
	s.answers[1] = map[RequestID]Answer{}
	return s
}

// newDay empties what lasts one day only.
func (s *State) newDay() {
	s.Issuing = map[DeptID]bool{}
	s.LastNum = map[DeptID]int{}
	s.answers[1] = s.answers[0]
	s.answers[0] = map[RequestID]Answer{}
	s.lines = map[DeptID][]*Ticket{}
	s.rounds = map[DeptID]*round{}
	s.atPrinter = nil
	s.busy = map[string]int{}
	s.held = map[string][]*Ticket{}
	s.numbers = map[string]int{}
	maps.DeleteFunc(s.Tickets, func(_ TicketID, t *Ticket) bool { return t.Day < s.Day-1 })
	maps.DeleteFunc(s.Visits, func(_ VisitID, v *Visit) bool { return v.Day < s.Day-1 })
}

// Answer returns the answer that a request got when it changed something.
func (s *State) Answer(r RequestID) (Answer, bool) {
	if a, ok := s.answers[0][r]; ok {
		return a, true
	}
	a, ok := s.answers[1][r]
	return a, ok
}

// Desk returns the counter as it is; a counter nobody has used yet is closed.
func (s *State) Desk(c CounterID) Desk {
	if d := s.Desks[c]; d != nil {
		return *d
	}
	return Desk{ID: c, State: DeskClosed, Ver: s.dayVer, CV: s.dayVer}
}

// Line returns the tickets of a department that are printing or waiting, by place. It is the state's own: only to be read.
func (s *State) Line(d DeptID) []*Ticket { return s.lines[d] }

// Accepting says whether a department takes new tickets.
func (s *State) Accepting(d DeptID) bool {
	open, set := s.Issuing[d]
	return s.Open && (open || !set)
}

func (s *State) desk(c CounterID) *Desk {
	d := s.Desks[c]
	if d == nil {
		d = &Desk{ID: c, State: DeskClosed, Ver: s.dayVer, CV: s.dayVer}
		s.Desks[c] = d
	}
	return d
}

func byPlace(t *Ticket, p Place) int {
	switch {
	case t.Place.Before(p):
		return -1
	case p.Before(t.Place):
		return 1
	}
	return 0
}

// insert and remove keep a line in the order of places. A place belongs to one ticket in the whole centre.
func insert(line []*Ticket, t *Ticket) []*Ticket {
	i, _ := slices.BinarySearchFunc(line, t.Place, byPlace)
	return slices.Insert(line, i, t)
}

func remove(line []*Ticket, t *Ticket) []*Ticket {
	if i, ok := slices.BinarySearchFunc(line, t.Place, byPlace); ok {
		return slices.Delete(line, i, i+1)
	}
	return line
}

// enter and leave keep the indexes in step with one ticket.
func (s *State) enter(t *Ticket) {
	if t.State.inLine() {
		s.lines[t.Dept] = insert(s.lines[t.Dept], t)
	}
	if t.State == Printing {
		s.atPrinter = insert(s.atPrinter, t)
	}
	if t.State.atDesk() && t.Holder != "" {
		s.busy[t.Holder]++
	}
}

func (s *State) leave(t *Ticket) {
	if t.State.inLine() {
		s.lines[t.Dept] = remove(s.lines[t.Dept], t)
	}
	if t.State == Printing {
		s.atPrinter = remove(s.atPrinter, t)
	}
	if t.State.atDesk() && t.Holder != "" {
		if s.busy[t.Holder]--; s.busy[t.Holder] == 0 {
			delete(s.busy, t.Holder)
		}
	}
}

// liveOf returns the live ticket of a card in a department, or nil. There can be two after a transfer, an undo or a paper
// that turned up late: then it is the one issued first.
func (s *State) liveOf(d DeptID, holder string) *Ticket {
	for _, t := range s.held[holder] {
		if t.Dept == d && t.State.Live() {
			return t
		}
	}
	return nil
}
