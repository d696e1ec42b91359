package web

import (
	"slices"
	"unicode/utf8"

	"quhao/daemon/queue"
	"quhao/internal/config"
)

// callsOnBoard is how many calls a board shows: so many can be read from 10 m on a screen of 55 inches.
const callsOnBoard = 6

// boardView is a hall's board, as its template shows it.
type boardView struct {
	Open  bool
	Calls []callView
	Depts []deptView
}

// callView is one call on a board.
type callView struct {
	Number string
	Where  text
	Floor  *text // only if it is another floor than the board's
	T      int64 // ms since 1970
	Long   bool  // number and counter together do not fit in the large letters of the first line
}

// deptView is one department on a board.
type deptView struct {
	Name    text
	Prefix  string
	Waiting int
	Last    string
	Why     *text // why it gives out no numbers, or cannot call any; nil if all is well
}

// board makes the board of a hall: the calls to its counters, and those of its departments to counters elsewhere.
func (p *pages) board(hall *config.Hall, s *shot) boardView {
	b := boardView{Open: s.open}
	depts := p.departments(hall.ID)
	for _, d := range depts {
		b.Depts = append(b.Depts, p.dept(d, s))
	}
	for _, c := range s.calls {
		counter := p.conf.Counter(string(c.counter))
		if counter == nil || counter.Hall != hall.ID && !slices.ContainsFunc(depts, func(d *config.Department) bool { return d.ID == string(c.dept) }) {
			continue
		}
		v := callView{Number: c.number, Where: counter.Name, T: c.at.UnixMilli()}
		v.Long = utf8.RuneCountInString(v.Number)+utf8.RuneCountInString(v.Where.ZH) > 9
		if to := p.conf.HallOf(counter.Hall); to != nil && to.Floor != hall.Floor {
			v.Floor = new(floorWords(to.Floor))
		}
		if b.Calls = append(b.Calls, v); len(b.Calls) == callsOnBoard {
			break
		}
	}
	return b
}

// departments are those that have a counter in a hall, in the order of the configuration.
func (p *pages) departments(hall string) []*config.Department {
	var out []*config.Department
	for i := range p.conf.Departments {
		d := &p.conf.Departments[i]
		if slices.ContainsFunc(p.conf.Counters, func(c config.Counter) bool { return c.Hall == hall && slices.Contains(c.Departments, d.ID) }) {
			out = append(out, d)
		}
	}
	return out
}

func (p *pages) dept(d *config.Department, s *shot) deptView {
	now := s.depts[queue.DeptID(d.ID)]
	v := deptView{Name: d.Name, Prefix: d.Prefix, Waiting: now.waiting, Last: now.last}
	switch {
	case !s.open:
		v.Why = &text{ZH: "停止办公", EN: "Closed"}
	case !now.accepting:
		v.Why = &text{ZH: "停止取号", EN: "No more tickets"}
	case !p.staffed(d.ID, s):
		v.Why = &text{ZH: "暂无窗口", EN: "No counter open"}
	}
	return v
}

// staffed says whether a counter of a department is at work.
func (p *pages) staffed(dept string, s *shot) bool {
	return slices.ContainsFunc(p.conf.Counters, func(c config.Counter) bool {
		state := s.desks[queue.CounterID(c.ID)].state
		return slices.Contains(c.Departments, dept) && state != queue.DeskClosed && state != queue.DeskPaused
	})
}
