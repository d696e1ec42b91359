package controller

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// View is a look at the controller between two commands. It must not be kept.
type View struct{ c *Controller }

// State is the state of the queue. It must not be changed.
func (v View) State() *queue.State { return v.c.state }

// Rules are the rules in force.
func (v View) Rules() *queue.Rules { return v.c.rules }

// Faulted says why nothing is given out or called: the database cannot be written, or another controller speaks, which is an
// *AsideError; or nil.
func (v View) Faulted() error {
	switch {
	case v.c.aside != nil:
		return v.c.aside
	case v.c.faulted != nil:
		return fmt.Errorf("the database cannot be written: %w", v.c.faulted)
	}
	return nil
}

// Counter is a counter as its unit shows it.
func (v View) Counter(now time.Time, id queue.CounterID) proto.CounterState {
	return v.c.counterState(now, id)
}

// Hall is a hall as its board shows it.
func (v View) Hall(id string) proto.HallState { return v.c.hallState(id) }

// LastCalled is the number of a department's own series called last today, "" for none.
func (v View) LastCalled(d queue.DeptID) string { return v.c.calls.last(d) }

// Counts are the counters of what went wrong or was odd since the start, by name.
func (v View) Counts() map[string]uint64 { return maps.Clone(v.c.count) }

// Heard are the highest numbers that devices say they have seen, by department.
func (v View) Heard() map[queue.DeptID]int { return maps.Clone(v.c.issued) }

// Missing are the kiosks that have not handed in all their papers since the start.
func (v View) Missing() (out []string) {
	for _, id := range slices.Sorted(maps.Keys(v.c.devices)) {
		if v.c.devices[id].conf.Kind == string(proto.KindKiosk) && !v.c.hasHandedIn(id) {
			out = append(out, id)
		}
	}
	return out
}

// Device is what is known of a device.
type Device struct {
	ID      string
	Kind    string
	Session bool // it is in session
	Avail   string
	Heard   time.Time
	Clock   time.Duration // its clock less ours
	Health  proto.Health
	Config  proto.CfgReport // what it says of its configuration
	Install queue.InstallID
	Pending []string // installations with its name that wait for an administrator
	Rivals  string   // in words, if two devices use its name
	// Shows says for each counter of a unit whether its display shows what the counter is now, as of the last heartbeat.
	Shows map[queue.CounterID]bool
}

// Devices are the devices of the configuration, by id.
func (v View) Devices() []Device {
	var out []Device
	for _, id := range slices.Sorted(maps.Keys(v.c.devices)) {
		d := v.c.devices[id]
		row := Device{
			ID: id, Kind: d.conf.Kind, Session: v.c.sessions[id] != nil, Avail: d.avail, Heard: d.heard, Clock: d.clock,
			Health: d.health, Config: d.config, Install: v.c.state.Devices[id],
			Rivals: d.rivals.words(v.c.lastNow), Shows: map[queue.CounterID]bool{},
		}
		for _, counter := range d.conf.Counters {
			row.Shows[queue.CounterID(counter)] = row.Session && d.shown[counter] == v.c.published[counter].at
		}
		for install := range d.pending {
			row.Pending = append(row.Pending, string(install))
		}
		slices.Sort(row.Pending)
		out = append(out, row)
	}
	return out
}
