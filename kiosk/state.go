package main

import (
	"quhao/internal/proto"
	"quhao/kiosk/flow"
)

// page is what /state answers.
type page struct {
	Device string `json:"device"`
	FW     string `json:"fw"`
	flow.View
	Noise   map[string]uint64 `json:"noise,omitempty"` // frames that no driver understood
	Journal journal           `json:"journal"`
}

// journal is how far the kiosk's memory reaches.
type journal struct {
	Install proto.Install `json:"install"`
	First   uint64        `json:"first"`
	Next    uint64        `json:"next"`
	Acked   uint64        `json:"acked"`
	HWSeq   uint64        `json:"hw_seq"`
	Torn    int           `json:"torn"` // bytes cut off at the start
	Err     string        `json:"err,omitempty"`
}

// show puts the present state into the window. It runs in the loop, which alone may read the journal.
func (k *kiosk) show() {
	j := k.st.Journal
	p := page{
		Device: k.st.ID, FW: k.st.FW, View: k.flow.View(k.st.Now()), Noise: k.parts.counts(),
		Journal: journal{Install: j.Install(), First: j.First(), Next: j.Next(), Acked: j.Acked(), HWSeq: j.HWSeq(), Torn: j.Torn()},
	}
	if err := j.Err(); err != nil {
		p.Journal.Err = err.Error()
	}
	if err := k.window.Show(p, k.wrong(p)); err != nil {
		k.log.Error("the state cannot be shown", "err", err)
	}
}

// wrong says why no visitor can get a number, or nothing.
func (k *kiosk) wrong(p page) string {
	switch {
	case p.Fault:
		return "the journal cannot be written"
	case p.Printer != "ok" && p.Printer != "low" && p.Printer != "mute":
		return "printer " + p.Printer
	case p.Refused != "":
		return "the controller does not accept this device: " + p.Refused
	case !p.Session:
		return "no session with the controller"
	}
	return ""
}
