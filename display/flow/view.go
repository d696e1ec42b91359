package flow

import (
	"time"

	"quhao/drivers/led"
	"quhao/internal/proto"
)

// View is what a unit does and knows, for its state page.
type View struct {
	Session  proto.Session     `json:"session"`
	Ready    bool              `json:"ready"`             // a press of a key can be sent
	Stale    bool              `json:"stale"`             // the controller is not heard
	Refused  string            `json:"refused,omitempty"` // why the controller has rejected the unit
	Parts    map[string]string `json:"parts"`
	Journal  JournalView       `json:"journal"`
	Bad      uint64            `json:"bad"` // messages that could not be read
	BadErr   string            `json:"bad_err,omitempty"`
	Counters []CounterView     `json:"counters"`
}

// JournalView tells of the journal.
type JournalView struct {
	Install proto.Install `json:"install"`
	First   uint64        `json:"first"`
	Acked   uint64        `json:"acked"`
	Pending int           `json:"pending"` // facts the next message would carry
	Torn    int           `json:"torn"`    // bytes cut off when it was opened
	Err     string        `json:"err,omitempty"`
}

// CounterView tells of one counter.
type CounterView struct {
	Counter  string   `json:"counter"`
	S        string   `json:"s"`
	Held     proto.At `json:"held"`
	Shown    proto.At `json:"shown"`
	Mode     led.Mode `json:"mode"`
	Text     string   `json:"text"`
	Number   string   `json:"number,omitempty"`
	Blink    bool     `json:"blink"`
	Lamp     bool     `json:"lamp"`
	Busy     bool     `json:"busy"`    // a key press waits for its outcome
	Rating   bool     `json:"rating"`  // a score would be taken
	For      int      `json:"for"`     // seconds left for it
	Said     string   `json:"said"`    // the number announced last
	Repeated int      `json:"repeats"` // how often it had been called again by then
}

// View tells how the unit stands after the last event.
func (u *Unit) View() View {
	j := u.s.Journal()
	v := View{
		Session: u.s.Sess(), Ready: u.s.Ready(u.now), Stale: u.s.Stale(u.now), Refused: u.s.Refused(), Parts: map[string]string{}, Bad: u.bad,
		Journal: JournalView{Install: j.Install(), First: j.First(), Acked: j.Acked(), Pending: len(j.Pending()), Torn: j.Torn()},
	}
	for name, state := range u.parts {
		v.Parts[name] = state
	}
	if u.fault != nil {
		v.Journal.Err = u.fault.Error()
	}
	if u.badErr != nil {
		v.BadErr = u.badErr.Error()
	}
	for _, c := range u.counters {
		cv := CounterView{
			Counter: c.ID, S: c.held.S, Held: c.held.At(), Shown: c.shown,
			Mode: c.show.Mode, Text: c.show.Text, Number: c.show.Number, Blink: c.show.Blink,
			Lamp: c.lit, Busy: c.request != nil, Said: c.announced.Num, Repeated: c.announced.Repeat,
		}
		if u.open(c) {
			cv.Rating, cv.For = true, int((c.rating.until-u.now.Up+time.Second-1)/time.Second)
		}
		v.Counters = append(v.Counters, cv)
	}
	return v
}
