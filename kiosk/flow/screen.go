package flow

import (
	"maps"

	"quhao/internal/device"
)

// screen is what the visitor should see now.
func (k *Kiosk) screen(now device.Now) Screen {
	blocked := k.blocked(now)
	switch {
	case blocked == Fault:
		return k.plain(Fault)
	case k.paper != nil:
		s := k.plain(Printing)
		s.Department = k.paper.res.Department
		return s
	case k.errand != nil:
		return k.plain(Printing)
	case k.open != nil:
		s := k.plain(Asking)
		s.Department = k.c.Departments[k.open.intent.Q].Name
		return s
	case k.result != nil:
		return *k.result
	case blocked != "":
		return k.plain(blocked)
	case k.choice != nil:
		s := k.plain(TapCard)
		s.Department = k.c.Departments[k.choice.Q].Name
		return k.ailing(s)
	case k.digest != "":
		return k.ailing(k.offering(Choose))
	}
	return k.ailing(k.offering(Idle))
}

// plain is a screen with the words of its state alone.
func (k *Kiosk) plain(s State) Screen {
	title, hint := words(s)
	return Screen{State: s, Title: title, Hint: hint, Ahead: -1}
}

// offering is a screen with everything that can be chosen.
func (k *Kiosk) offering(st State) Screen {
	s := k.plain(st)
	for _, c := range k.c.Choices {
		d := k.c.Departments[c.Q]
		s.Offers = append(s.Offers, Offer{Key: c.Key, Department: d.Name, Item: d.Items[c.Item], Open: k.isOpen(c.Q)})
	}
	return s
}

// ailing says on the screen of somebody who is waited for what does not hear them, of that which is wanted now: nothing else
// tells them why nothing happens.
func (k *Kiosk) ailing(s Screen) Screen {
	cards := s.State != Choose && k.cardsMatter() && k.deaf("card_reader", "scanner")
	keys := s.State != TapCard && k.deaf("keypad")
	switch {
	case cards && keys:
		s.Title = Text{"暂时不能取号", "No numbers at the moment"}
		s.Hint = Text{"读卡器和按键都有故障，请告知工作人员", "The card reader and the keys do not work: please tell the staff"}
	case cards:
		s.Hint = Text{"读卡器故障，请告知工作人员", "The card reader does not work: please tell the staff"}
	case keys:
		s.Hint = Text{"按键故障，请告知工作人员", "The keys do not work: please tell the staff"}
	}
	return s
}

// deaf says that the kiosk has some of these parts, and none of them works.
func (k *Kiosk) deaf(parts ...string) bool {
	has := false
	for _, part := range parts {
		state, ok := k.parts[part]
		if state == "ok" {
			return false
		}
		has = has || ok
	}
	return has
}

// show keeps a result on the screen for a while, or until the next visitor.
func (k *Kiosk) show(now device.Now, s Screen) { k.result, k.until = &s, now.Up+showFor }

// isOpen says whether the department gives numbers, as the controller last said.
func (k *Kiosk) isOpen(q string) bool {
	if k.hall == nil {
		return false
	}
	for _, d := range k.hall.Depts {
		if d.ID == q {
			return d.Open
		}
	}
	return false
}

// lit says whether the lamp of a choice is on: its department is open and a choice is possible.
func (k *Kiosk) lit(now device.Now, c Choice) bool {
	return !k.busy() && k.blocked(now) == "" && k.possible(now, c.Q) && k.isOpen(c.Q)
}

// View is the kiosk's state for whoever looks after it. There is nothing in it of any visitor but the number on the screen.
type View struct {
	Screen  Screen            `json:"screen"`
	Lamps   map[int]bool      `json:"lamps"`
	Printer string            `json:"printer"`
	Parts   map[string]string `json:"parts"`             // as last told by a Parts event
	Session bool              `json:"session"`           // commands can be sent
	Refused string            `json:"refused,omitempty"` // why the controller has rejected the kiosk
	Fault   bool              `json:"fault"`             // the journal cannot be written
}

// View returns the state at now.
func (k *Kiosk) View(now device.Now) View {
	return View{
		Screen: k.screen(now), Lamps: maps.Clone(k.lamps), Printer: string(k.printer), Parts: maps.Clone(k.parts),
		Session: k.s.Ready(now), Fault: k.fault, Refused: k.s.Refused(),
	}
}
