package proto

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// The words of a welcome.
const (
	Accepted = "accepted"
	Pending  = "pending"  // an administrator has to let this installation in
	Rejected = "rejected" // disconnect, dial again in 5 minutes
	Again    = "again"    // say hello anew
)

// Permit allows a kiosk to give out numbers of its own while it is cut off.
type Permit struct {
	Series string `json:"series"` // the kiosk's letters
	From   int    `json:"from"`
	Cap    int    `json:"cap"`   // how many between two permits of different days
	Until  int64  `json:"until"` // ms since 1970
	Day    Day    `json:"day"`
}

// Welcome answers a hello.
type Welcome struct {
	V      int     `json:"v"`
	Nonce  string  `json:"nonce,omitempty"`
	S      string  `json:"s"`
	Why    string  `json:"why,omitempty"`
	Sess   Session `json:"sess,omitempty"`
	Epoch  Epoch   `json:"epoch,omitempty"`
	Boot   Boot    `json:"boot,omitempty"`
	T      int64   `json:"t,omitempty"` // the controller's clock, ms since 1970
	Ack    uint64  `json:"ack"`
	AckSum string  `json:"ack_sum,omitempty"` // checksum of the fact Ack
	DayKey []byte  `json:"day_key,omitempty"`
	Permit *Permit `json:"permit,omitempty"`
}

// The answers to commands.
const (
	ResOK          = "ok"
	ResDup         = "dup"
	ResEmpty       = "empty"
	ResClosed      = "closed"
	ResFull        = "full"
	ResNotEligible = "not_eligible"
	ResConflict    = "conflict"
	ResEarly       = "early"
	ResStale       = "stale"
	ResRecovering  = "recovering"
	ResError       = "error"
)

// Wait is an honest wait: an interval in minutes.
type Wait struct {
	Lo int `json:"lo"`
	Hi int `json:"hi"`
}

// TicketRes is a ticket as the kiosk prints it.
type TicketRes struct {
	TID   ID     `json:"tid"`
	Num   string `json:"num"`
	Day   Day    `json:"day"`
	Q     string `json:"q"`
	Item  string `json:"item,omitempty"`
	Ahead int    `json:"ahead"`
	Wait  *Wait  `json:"wait,omitempty"`
	T     int64  `json:"t"` // when it was taken, ms since 1970
	N     int    `json:"n,omitempty"`
}

// Res answers a command.
type Res struct {
	V       int        `json:"v"`
	ID      ID         `json:"id"`
	Sess    Session    `json:"sess"`
	S       string     `json:"s"`
	Why     string     `json:"why,omitempty"`
	Ticket  *TicketRes `json:"ticket,omitempty"`
	Counter string     `json:"counter,omitempty"`
	Ver     *At        `json:"ver,omitempty"` // the new version of the counter: keys stay dark until it is shown
}

// Ack says up to which fact everything is taken.
type Ack struct {
	V    int     `json:"v"`
	Sess Session `json:"sess"`
	Ack  uint64  `json:"ack"`
	Sum  string  `json:"sum,omitempty"`
}

// What a device can be ordered to do.
const (
	DoReprint  = "reprint"  // a kiosk: print the ticket TID once more
	DoTest     = "test"     // a kiosk prints its test page; a unit shows all segments
	DoIdentify = "identify" // show which device it is
	DoRestart  = "restart"  // end, to be started again
)

// Order is something a device is to do once.
type Order struct {
	V    int     `json:"v"`
	ID   ID      `json:"id"`
	Sess Session `json:"sess"`
	Op   string  `json:"op"` // one of the Do words
	TID  ID      `json:"tid,omitempty"`
}

// Ctl is the controller's own state, every 5 s, and "lost" by last will.
type Ctl struct {
	V     int    `json:"v"`
	S     string `json:"s"` // on, recovering, faulted, off, lost
	Epoch Epoch  `json:"epoch"`
	Boot  Boot   `json:"boot"`
	T     int64  `json:"t"`
}

// RatingState invites a rating of one visit.
type RatingState struct {
	Tok string `json:"tok"`
	For int    `json:"for"` // seconds left; the unit counts down itself
}

// CounterState is a counter as its unit shows it.
type CounterState struct {
	V      int          `json:"v"`
	Epoch  Epoch        `json:"epoch"`
	Boot   Boot         `json:"boot"`
	Ver    Ver          `json:"ver"`
	CV     Ver          `json:"cv"`
	S      string       `json:"s"` // closed, idle, calling, serving, paused
	Num    string       `json:"num,omitempty"`
	Call   string       `json:"call,omitempty"` // the visit that is called: a new one is announced
	RN     int          `json:"rn"`             // recalls: a grown number is announced
	Dept   string       `json:"dept,omitempty"`
	Depts  []string     `json:"depts,omitempty"` // what the counter serves
	Rating *RatingState `json:"rating"`
	T      int64        `json:"t"` // when it was called, ms since 1970
}

// At is the version of this state.
func (c CounterState) At() At { return At{c.Epoch, c.Ver} }

// DeptState is one department on a hall's board.
type DeptState struct {
	ID      string `json:"id"`
	Waiting int    `json:"waiting"`
	Last    string `json:"last,omitempty"`   // number called last
	Issued  int    `json:"issued,omitempty"` // highest number given out
	Open    bool   `json:"open"`
	Why     string `json:"why,omitempty"` // why it is not open
}

// CallState is one call on a hall's board.
type CallState struct {
	Num     string `json:"num"`
	Counter string `json:"counter"`
	T       int64  `json:"t"`
}

// HallState is a hall as its board and its kiosks see it.
type HallState struct {
	V     int         `json:"v"`
	Epoch Epoch       `json:"epoch"`
	Boot  Boot        `json:"boot"`
	Ver   Ver         `json:"ver"`
	Depts []DeptState `json:"depts"`
	Calls []CallState `json:"calls"` // the last ones, newest first
}

// At is the version of this state.
func (h HallState) At() At { return At{h.Epoch, h.Ver} }

// Cfg is a device's configuration, retained: the device checks it with the controller's own code, keeps a copy, and reports.
type Cfg struct {
	V      int    `json:"v"`
	Ver    uint64 `json:"ver"`    // for people: the controller's clock when it read the files, s since 1970
	SHA256 string `json:"sha256"` // of YAML, lower-case hex
	YAML   string `json:"yaml"`
}

// NewCfg wraps a text.
func NewCfg(ver uint64, text []byte) Cfg {
	sum := sha256.Sum256(text)
	return Cfg{V: Version, Ver: ver, SHA256: hex.EncodeToString(sum[:]), YAML: string(text)}
}

// DecodeCfg reads a configuration message. The text is whole: it agrees with its checksum.
func DecodeCfg(b []byte) (Cfg, error) {
	var m Cfg
	if len(b) > MaxConfig {
		return m, fmt.Errorf("%w: a configuration of %d bytes, %d are allowed", ErrBad, len(b), MaxConfig)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if m.V > Version {
		return m, fmt.Errorf("%w: protocol version %d, this is %d", ErrBad, m.V, Version)
	}
	if sum := sha256.Sum256([]byte(m.YAML)); hex.EncodeToString(sum[:]) != m.SHA256 {
		return m, fmt.Errorf("%w: the checksum of a configuration does not agree with its text", ErrBad)
	}
	return m, nil
}
