package main

import (
	"cmp"
	"slices"

	"quhao/drivers/virtual"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// showPapers is how many papers the page shows at most, in slots and in hands.
const showPapers = 24

// scene is the whole hall as somebody who stands in it sees it. It is what the page gets, whole, at each change.
type scene struct {
	Centre   words          `json:"centre"`
	Zone     string         `json:"zone"` // the centre's time zone, IANA name
	Sample   bool           `json:"sample"`
	Demo     bool           `json:"demo"`  // a morning passes by itself: one may look on
	Board    string         `json:"board"` // address of the daemon's own board
	Kiosks   []kioskScene   `json:"kiosks"`
	Counters []counterScene `json:"counters"`
	Hall     hallScene      `json:"hall"`
	Programs []programScene `json:"programs"`
	Papers   []paperScene   `json:"papers"` // oldest first
}

// cableScene is a cable that can be cut.
type cableScene struct {
	Name string `json:"name"`
	Part string `json:"part"` // network, printer, card, keypad or led
	In   bool   `json:"in"`
}

// kioskScene is a kiosk.
type kioskScene struct {
	ID     string       `json:"id"`
	Place  words        `json:"place"`
	Up     bool         `json:"up"` // its program runs
	Screen screenScene  `json:"screen"`
	Keys   []keyScene   `json:"keys"`
	Hatch  bool         `json:"hatch"` // its printer has paper that can be pulled out and a cover
	Out    bool         `json:"out"`
	Open   bool         `json:"open"`
	Cables []cableScene `json:"cables"`
}

// screenScene is what a kiosk's screen says.
type screenScene struct {
	State  string `json:"state"`
	Title  words  `json:"title"`
	Hint   words  `json:"hint"`
	Dept   words  `json:"department"`
	Number string `json:"number"`
	Ahead  int    `json:"ahead"`
}

// keyScene is a department key of a kiosk with its lamp.
type keyScene struct {
	Key    int    `json:"key"`
	Prefix string `json:"prefix"`
	Name   words  `json:"name"`
	Item   words  `json:"item"`
	Lit    bool   `json:"lit"`
}

// counterScene is a counter: display, keys, rater.
type counterScene struct {
	Number  int          `json:"number"`
	Name    words        `json:"name"`
	Depts   []words      `json:"depts"`
	Officer words        `json:"officer"`
	Up      bool         `json:"up"` // the unit's program runs
	S       string       `json:"s"`  // closed, idle, calling, serving or paused, as the daemon last said
	Num     string       `json:"num"`
	LED     ledScene     `json:"led"`
	Lamp    bool         `json:"lamp"` // the keys are lit
	Busy    bool         `json:"busy"`
	Rating  bool         `json:"rating"`
	For     int          `json:"for"` // seconds left to rate
	Mode    string       `json:"mode"`
	Thanks  bool         `json:"thanks"` // a score has just been taken
	Cables  []cableScene `json:"cables"`
}

// ledScene is what stands on a counter's display.
type ledScene struct {
	Digits bool   `json:"digits"` // digits and a colour; otherwise words
	Value  int    `json:"value"`  // -1: dark
	Colour byte   `json:"colour"` // 0 green, 1 yellow, 2 red
	Text   string `json:"text"`
	Mode   string `json:"mode"`
	Blink  bool   `json:"blink"`
}

// hallScene is the hall's board.
type hallScene struct {
	Away  bool        `json:"away"` // the daemon does not answer: the rest is old
	Open  bool        `json:"open"`
	Depts []deptScene `json:"depts"`
	Calls []callScene `json:"calls"` // newest first
}

type deptScene struct {
	Name    words  `json:"name"`
	Prefix  string `json:"prefix"`
	Number  int    `json:"number"` // what an officer enters to send a visitor there
	Waiting int    `json:"waiting"`
	Last    string `json:"last"`
	Open    bool   `json:"open"`
}

type callScene struct {
	Num     string `json:"num"`
	Counter int    `json:"counter"`
	T       int64  `json:"t"` // ms since 1970
}

// programScene is a process that can be killed.
type programScene struct {
	Name   string `json:"name"`
	Label  words  `json:"label"`
	PID    int    `json:"pid"` // 0 while it does not run
	Starts int    `json:"starts"`
	Off    bool   `json:"off"` // somebody has switched it off
}

// paperScene is a paper whose picture can be had.
type paperScene struct {
	ID     int    `json:"id"`
	Kiosk  string `json:"kiosk"`
	Number string `json:"number"`
	Again  int    `json:"again"` // which reprint; 0: the first
	Slot   bool   `json:"slot"`  // it hangs out of the kiosk; otherwise somebody has it
	W      int    `json:"w"`     // dots
	H      int    `json:"h"`
}

// pagesSeen is what the state pages of the programs said. What could not be read is not there.
type pagesSeen struct {
	kiosks map[string]kioskView // by id of the device
	units  map[string]unitView  // by counter
	board  overview
	hall   *proto.HallState
}

// set puts the scene together.
func (h *hall) set(seen pagesSeen) scene {
	c := h.conf.Centre
	s := scene{Centre: words(c.Name), Zone: c.Zone, Sample: c.Sample, Demo: h.opt.demo, Papers: h.papers.scene(), Hall: hallSeen(c, seen)}
	if len(c.Halls) > 0 {
		s.Board = "http://" + h.opt.http + "/board/" + c.Halls[0].ID
	}
	for _, k := range h.wires.kiosks {
		s.Kiosks = append(s.Kiosks, h.kioskSeen(k, seen))
	}
	for _, u := range h.wires.units {
		s.Counters = append(s.Counters, h.counterSeen(u, seen))
	}
	for _, p := range h.programs {
		pid, starts := p.status()
		s.Programs = append(s.Programs, programScene{Name: p.name, Label: h.label(p.name), PID: pid, Starts: starts, Off: p.isOff()})
	}
	return s
}

// cables are those of a device.
func (h *hall) cables(dev string) (out []cableScene) {
	for _, name := range h.wires.names() {
		if whose, part := h.wires.part(name); whose == dev {
			out = append(out, cableScene{Name: name, Part: part, In: h.wires.in(name)})
		}
	}
	order := []string{network, "led", "printer", "card", "keypad"}
	slices.SortStableFunc(out, func(a, b cableScene) int {
		return cmp.Compare(slices.Index(order, a.Part), slices.Index(order, b.Part))
	})
	return out
}

func (h *hall) kioskSeen(k *kiosk, seen pagesSeen) kioskScene {
	v, up := seen.kiosks[k.id]
	s := kioskScene{ID: k.id, Place: k.place, Up: up, Hatch: k.paper != nil, Cables: h.cables(k.id), Screen: v.Screen}
	s.Out, s.Open = k.hatch()
	for _, key := range k.choose {
		d := h.conf.Centre.Department(key.Department)
		one := keyScene{Key: key.Key, Prefix: d.Prefix, Name: words(d.Name), Lit: v.Lamps[key.Key]}
		for _, item := range d.Items {
			if item.ID == key.Item {
				one.Item = words(item.Name)
			}
		}
		s.Keys = append(s.Keys, one)
	}
	return s
}

func (h *hall) counterSeen(u *counterUnit, seen pagesSeen) counterScene {
	c := h.conf.Centre
	v, up := seen.units[u.counter]
	st := seen.board.Counters[u.counter]
	s := counterScene{
		Number: u.number, Name: words(c.Counter(u.counter).Name), Up: up, S: st.S, Num: st.Num, Lamp: v.Lamp, Busy: v.Busy,
		Rating: v.Rating, For: v.For, Mode: v.Mode, Thanks: v.Text == thanks, Cables: h.cables(u.id), LED: ledSeen(u.screen.Shown(), u.digits),
	}
	for _, id := range u.depts {
		s.Depts = append(s.Depts, words(c.Department(id).Name))
	}
	for _, o := range c.Officers {
		if slices.Contains(o.Counters, u.counter) {
			s.Officer = words(o.Name)
			break
		}
	}
	return s
}

// thanks is what a counter unit says to whoever has rated.
const thanks = "谢谢评价"

func ledSeen(s virtual.Shown, digits bool) ledScene {
	return ledScene{Digits: digits, Value: s.Value, Colour: s.Colour, Text: s.Text, Mode: s.Mode, Blink: s.Blink}
}

// hallSeen is the board, from what the daemon last said of the hall.
func hallSeen(c *config.Centre, seen pagesSeen) hallScene {
	s := hallScene{Away: seen.hall == nil, Open: seen.board.Open}
	for i, d := range c.Departments {
		one := deptScene{Name: words(d.Name), Prefix: d.Prefix, Number: i + 1, Waiting: seen.board.Waiting[d.ID]}
		if seen.hall != nil {
			for _, now := range seen.hall.Depts {
				if now.ID == d.ID {
					one.Last, one.Open = now.Last, now.Open
				}
			}
		}
		s.Depts = append(s.Depts, one)
	}
	if seen.hall == nil {
		return s
	}
	for _, call := range seen.hall.Calls {
		if to := c.Counter(call.Counter); to != nil {
			s.Calls = append(s.Calls, callScene{Num: call.Num, Counter: to.Number, T: call.T})
		}
	}
	return s
}

// label says in words what a program is.
func (h *hall) label(name string) words {
	for _, k := range h.wires.kiosks {
		if k.id == name {
			return kioskName(k.place)
		}
	}
	for _, u := range h.wires.units {
		if u.id == name {
			c := h.conf.Centre.Counter(u.counter)
			return words{ZH: c.Name.ZH + "叫号器", EN: c.Name.EN + " unit"}
		}
	}
	return words{ZH: "控制器", EN: "Controller"}
}

// scene are the papers that can still be looked at.
func (p *papers) scene() []paperScene {
	all, taken := p.list(), p.picked()
	nth := map[string]int{}
	out := []paperScene{}
	for i, one := range all {
		nth[one.kiosk]++
		out = append(out, paperScene{
			ID: i, Kiosk: one.kiosk, Number: one.number, Again: one.reprint, Slot: nth[one.kiosk] > taken[one.kiosk], W: one.size.X, H: one.size.Y,
		})
	}
	return out[max(0, len(out)-showPapers):]
}
