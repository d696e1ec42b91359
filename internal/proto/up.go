package proto

import "encoding/json"

// Kind is the kind of a device.
type Kind string

// The kinds of devices.
const (
	KindKiosk   Kind = "kiosk"
	KindCounter Kind = "counter"
)

// Avail is a device's retained word on whether it is there; the broker says "lost" by last will.
type Avail struct {
	S string `json:"s"` // on, off, lost
}

// Mark stands on every message of a session: which session, and how far the device's journal reaches.
type Mark struct {
	Sess  Session `json:"sess"`
	HWSeq uint64  `json:"hw_seq"` // papers started by this installation
	First uint64  `json:"first"`  // oldest fact in the journal, the next to come if it is empty
	// HWFirst is how many of HWSeq were started before First: a controller that never took them counts them by this.
	HWFirst uint64 `json:"hw_first,omitempty"`
	Seen    Seen   `json:"seen"`
}

// Clock is a device's own clock. It decides nothing alone.
type Clock struct {
	T  int64 `json:"t"`  // ms since 1970
	OK bool  `json:"ok"` // somebody has set it since power on
}

// Hello asks for a session. It proves nothing: it may be an old copy.
type Hello struct {
	V       int            `json:"v"`
	Nonce   string         `json:"nonce"`
	Kind    Kind           `json:"kind"`
	FW      string         `json:"fw"`
	Proto   int            `json:"proto"`
	Install Install        `json:"install"`
	Boot    Boot           `json:"boot"`
	HWSeq   uint64         `json:"hw_seq"`
	First   uint64         `json:"first"`
	OffN    int            `json:"off_n"` // numbers given while cut off, over all days
	Seen    Seen           `json:"seen"`
	Issued  map[string]int `json:"issued,omitempty"` // highest number seen per department
	Clock   Clock          `json:"clock"`
}

// The operations of a command.
const (
	OpTicket    = "ticket"
	OpSignOn    = "sign_on"
	OpSignOff   = "sign_off"
	OpPause     = "pause"
	OpUnpause   = "unpause"
	OpNext      = "next"
	OpStart     = "start"
	OpRecall    = "recall"
	OpNoShow    = "no_show"
	OpPark      = "park"
	OpUnpark    = "unpark"
	OpTransfer  = "transfer"
	OpComplete  = "complete"
	OpReinstate = "reinstate"
	OpUndo      = "undo"
)

// Cmd is a command: never retained, never queued while offline, refused when stale, answered with the same id.
type Cmd struct {
	V  int `json:"v"`
	ID ID  `json:"id"`
	Mark
	Op string `json:"op"`
	// for a ticket
	Q     string   `json:"q,omitempty"` // department
	Item  string   `json:"item,omitempty"`
	Card  string   `json:"card,omitempty"` // CardHash
	Lang  string   `json:"lang,omitempty"`
	Class string   `json:"class,omitempty"`
	Needs []string `json:"needs,omitempty"`
	// for a counter
	Counter   string `json:"counter,omitempty"`
	IfVer     *At    `json:"if_ver,omitempty"` // epoch and cv
	Officer   string `json:"officer,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Ticket    ID     `json:"ticket,omitempty"`
	To        string `json:"to,omitempty"`
	ToCounter string `json:"to_counter,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
}

// The kinds of facts.
const (
	FactStart     = "start"     // the first byte of a ticket is about to go to the printer
	FactEnd       = "end"       // how the paper came out
	FactAbandoned = "abandoned" // a request was given up before a paper was started
	FactRating    = "rating"
	FactPresence  = "presence"
	FactDone      = "done" // an order was carried out
)

// How a paper came out.
const (
	HowConfirmed = "confirmed"
	HowAsked     = "asked"
	HowSent      = "sent"
	HowNone      = "none"
	HowUnknown   = "unknown"
)

// Fact is what has happened at a device. It is journaled before it is sent, numbered per installation, replayed until acknowledged.
// A reader keeps the bytes of a fact it does not know.
type Fact struct {
	Seq  uint64 `json:"seq"`
	K    string `json:"k"`
	ID   ID     `json:"id,omitempty"` // the request whose answer was used, or the order carried out
	TID  ID     `json:"tid,omitempty"`
	Num  string `json:"num,omitempty"`
	Day  Day    `json:"day,omitempty"`
	Q    string `json:"q,omitempty"`
	Item string `json:"item,omitempty"`
	Card string `json:"card,omitempty"`
	Lang string `json:"lang,omitempty"`
	Off  int    `json:"off,omitempty"` // the place in the kiosk's own series; 0 for a number of the controller
	N    int    `json:"n,omitempty"`   // how often this ticket has been printed before
	How  string `json:"how,omitempty"`
	Tok  string `json:"tok,omitempty"` // rating
	V    int    `json:"v,omitempty"`   // score, 1 to 5
	// presence
	Counter string `json:"counter,omitempty"`
	Officer string `json:"officer,omitempty"` // CardHash of the officer's card, or the officer's id
	On      bool   `json:"on,omitempty"`

	T    int64 `json:"t"`    // ms since 1970, the device's notion of the controller's time
	Up   int64 `json:"up"`   // ms since the start of the device's program
	Boot Boot  `json:"boot"` // that start
	Clk  bool  `json:"clk"`  // T can be trusted
}

// Facts carries 1 to 20 facts as journaled, or none: the first of a session, to say that there is nothing.
type Facts struct {
	V int `json:"v"`
	Mark
	Facts []json.RawMessage `json:"facts"`
}

// Beat says every 10 s, and at once after a change of what is shown, that the device is there.
type Beat struct {
	V int `json:"v"`
	Mark
	Shown map[string]At `json:"shown,omitempty"` // per counter, what stands on its display
}

// Health is a device's retained word on its parts.
type Health struct {
	V     int               `json:"v"`
	Parts map[string]string `json:"parts"` // peripheral to ok, low, out, open, error, gone; mute: a printer that prints and never answers
	FW    string            `json:"fw"`
	Count map[string]uint64 `json:"count,omitempty"` // bad frames, resends and the like, since the boot
}

// CfgReport is a device's retained word on its configuration.
type CfgReport struct {
	V      int      `json:"v"`
	Ver    uint64   `json:"ver"`
	SHA256 string   `json:"sha256"`
	S      string   `json:"s"`             // accepted, refused
	Why    []string `json:"why,omitempty"` // refused: one line each, as file:line:column: what
}
