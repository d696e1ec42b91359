package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Identifiers of what the rules speak of. They are types of their own, so that mixing them up does not compile.
type (
	// DeptID names a department, as in the configuration.
	DeptID string
	// CounterID names a counter.
	CounterID string
	// OfficerID names an officer.
	OfficerID string
	// RequestID names one command of one caller, for ever. It is a ULID.
	RequestID string
	// TicketID names a ticket: it is the RequestID of the command that made it.
	TicketID string
	// VisitID names a visit.
	VisitID string
	// InstallID names one installation of a device: the random id on its disk.
	InstallID string
	// Day is a service day: a running integer. The date is only printed.
	Day int64
)

// Policy names an order of calling.
type Policy string

// The policies.
const (
	FIFO   Policy = "fifo"   // by place alone
	Strict Policy = "strict" // by class, then by place
	Ratio  Policy = "ratio"  // the classes in turn, each as often as its share
)

// AtLimit says what happens when a series has given out its last number. A series never wraps.
type AtLimit string

// The rules at the limit.
const (
	Refuse AtLimit = "refuse" // no more numbers today
	Widen  AtLimit = "widen"  // goes on, up to all that one digit more holds; then no more numbers today
)

// Series is how a department numbers its tickets. A service day starts again at First.
type Series struct {
	Prefix string // one or two letters
	Width  int    // digits, 1 to 5, zeros in front
	First  int    // 0 is taken as 1
	Limit  int    // highest number; 0 is all that Width holds
	Over   AtLimit
}

// Missed is what happens to a visitor who does not come when called.
type Missed struct {
	Recalls int           // recalls before a no-show is allowed
	Every   time.Duration // at least this long between two calls of one number
	Within  time.Duration // a return after the no-show is accepted for this long; 0 is without limit
	After   int           // a returned visitor stands behind this many who are waiting
	Times   int           // how often one ticket may return; 0 is taken as 1
}

// Department is what the rules know of a department.
type Department struct {
	ID        DeptID
	Series    Series
	Policy    Policy
	Shares    map[string]int // for Ratio: class to share, at least 1
	MaxPassed int            // for Strict and Ratio: bound on being passed over by later tickets; 0 is taken as 10
	Missed    Missed
	CardOnly  bool // a ticket needs a card
	Items     []string
}

// Counter is what the rules know of a counter.
type Counter struct {
	ID       CounterID
	Depts    []DeptID
	Provides []string
}

// Rules is the configured part of the centre. It is read by Decide only, never by Apply.
type Rules struct {
	Classes     []string // priority classes, the highest first; the last is the ordinary one
	Departments map[DeptID]Department
	Counters    map[CounterID]Counter
	Officers    map[OfficerID]bool
	// PrintingFor is how long a ticket may stay in printing without word of its paper; 0 is taken as 20 s.
	PrintingFor time.Duration
	// RatingFor is how long a visitor may rate after a visit; 0 is taken as 120 s.
	RatingFor time.Duration
	// RatingMin is how long a rating stays open at least, although the next visitor is served already; 0 is taken as 10 s.
	RatingMin time.Duration
	// UndoFor is how long a slip can be undone; 0 is taken as 60 s.
	UndoFor time.Duration
}

func or[T cmp.Ordered](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// first, limit and label give the defaults of a series.
func (s Series) first() int { return or(s.First, 1) }

func (s Series) limit() int {
	if s.Limit != 0 {
		return s.Limit
	}
	n := 1
	for range or(s.Width, 3) {
		n *= 10
	}
	return n - 1
}

// last is the highest number that the series ever gives out.
func (s Series) last() int {
	if s.Over != Widen {
		return s.limit()
	}
	wide := Series{Width: or(s.Width, 3) + 1}
	return max(s.limit(), wide.limit())
}

// Label is the number as printed: prefix and digits, such as A012.
func (s Series) Label(n int) string { return fmt.Sprintf("%s%0*d", s.Prefix, or(s.Width, 3), n) }

// class returns c if it is a class of the centre, and the ordinary class otherwise.
func (r *Rules) class(c string) string {
	if slices.Contains(r.Classes, c) || len(r.Classes) == 0 {
		return c
	}
	return r.Classes[len(r.Classes)-1]
}

// rank is the place of a class among the classes: 0 is the highest. An unknown class ranks last.
func (r *Rules) rank(c string) int {
	if i := slices.Index(r.Classes, c); i >= 0 {
		return i
	}
	return len(r.Classes)
}
