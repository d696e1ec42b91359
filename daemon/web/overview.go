package web

import (
	"maps"
	"slices"

	"quhao/daemon/queue"
)

// overviewView is the centre at a glance, as its template shows it.
type overviewView struct {
	Open     bool
	Day      queue.Day
	Version  string
	Halls    []hallRow
	Counters []counterRow
	Devices  []deviceRow
	Online   int // of Devices
}

type hallRow struct {
	ID      string
	Name    text
	Floor   text
	Depts   text
	Waiting int
}

type counterRow struct {
	Name   text
	Depts  text
	State  queue.DeskState
	Words  text
	Number string
}

type deviceRow struct {
	ID      string
	Kind    text
	Online  bool
	Trouble []partRow // parts that are not well, by name
	Pending int       // installations that wait for an administrator
	Rivals  bool      // two devices use its name
}

type partRow struct {
	Name  string
	State text
}

// overview makes the overview.
func (p *pages) overview(s *shot) overviewView {
	v := overviewView{Open: s.open, Day: s.day, Version: p.version}
	for _, h := range p.conf.Halls {
		row := hallRow{ID: h.ID, Name: h.Name, Floor: floorWords(h.Floor)}
		var names []text
		for _, d := range p.departments(h.ID) {
			names = append(names, d.Name)
			row.Waiting += s.depts[queue.DeptID(d.ID)].waiting
		}
		row.Depts = join(names)
		v.Halls = append(v.Halls, row)
	}
	for _, c := range p.conf.Counters {
		var names []text
		for _, id := range c.Departments {
			if d := p.conf.Department(id); d != nil {
				names = append(names, d.Name)
			}
		}
		desk := s.desks[queue.CounterID(c.ID)]
		v.Counters = append(v.Counters, counterRow{
			Name: c.Name, Depts: join(names), State: desk.state, Words: deskWords(desk.state), Number: desk.number,
		})
	}
	for _, d := range s.devices {
		row := deviceRow{ID: d.ID, Kind: kindWords(d.Kind), Online: d.Session && d.Avail != "lost", Pending: len(d.Pending), Rivals: d.Rivals != ""}
		for _, part := range slices.Sorted(maps.Keys(d.Health.Parts)) {
			if state := d.Health.Parts[part]; state != "ok" {
				row.Trouble = append(row.Trouble, partRow{part, partWords(state)})
			}
		}
		if row.Online {
			v.Online++
		}
		v.Devices = append(v.Devices, row)
	}
	return v
}
