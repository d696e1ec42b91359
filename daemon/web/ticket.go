package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
)

// ticketView is one visitor's ticket, as its template shows it: what is on the paper, and how things stand.
// Never the item, the class, a need or the card.
type ticketView struct {
	Known  bool
	Number string
	Dept   text
	Mood   string // for the looks: wait, go, here, over
	Says   text   // the one thing to know
	Where  *text  // the counter, while it is called or served
	Floor  *text
	Hint   *text // what to do, or what to expect
}

// ticketNow looks up a ticket. An id that is not known gives a view that says so kindly.
func (p *pages) ticketNow(ctx context.Context, id queue.TicketID) (ticketView, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	var v ticketView
	var fault error
	err := p.look.ctl.Look(ctx, func(c controller.View) {
		if fault = c.Faulted(); fault == nil {
			v = p.ticket(c, id)
		}
	})
	if err == nil {
		err = fault
	}
	return v, err
}

func (p *pages) ticket(c controller.View, id queue.TicketID) ticketView {
	s := c.State()
	t := s.Tickets[id]
	if t == nil {
		return ticketView{}
	}
	v := ticketView{Known: true, Number: t.Number, Mood: "over"}
	if d := p.conf.Department(string(t.Dept)); d != nil {
		v.Dept = d.Name
	}
	switch t.State {
	case queue.Printing, queue.Waiting:
		p.waiting(&v, c, t)
	case queue.Calling, queue.Serving, queue.OnHold:
		p.atDesk(&v, t)
	case queue.Gone:
		v.Says = text{ZH: "已过号", EN: "You were called"}
		v.Hint = &text{ZH: "请到导办台或窗口说明", EN: "Please ask at the guide desk or the counter"}
		if d := p.conf.Department(string(t.Dept)); d != nil && t.Day == s.Day && s.Open &&
			t.Returned < d.Missed.Times && time.Since(t.Since) < d.Missed.Within {
			v.Hint = new(missedWords(p.conf, d))
		}
	case queue.Done:
		v.Says, v.Hint = text{ZH: "已办结", EN: "Done"}, &text{ZH: "感谢您的到来", EN: "Thank you for your visit"}
	default:
		v.Says, v.Hint = text{ZH: "号票已失效", EN: "No longer valid"}, &text{ZH: "如需办理，请重新取号", EN: "Please take a new number if you need one"}
	}
	return v
}

// waiting fills the view of a ticket in the line.
func (p *pages) waiting(v *ticketView, c controller.View, t *queue.Ticket) {
	ahead := 0
	v.Mood = "wait"
	for _, b := range queue.Why(c.Rules(), c.State(), t.ID) {
		switch b.Reason {
		case queue.ReasonAhead, queue.ReasonClass, queue.ReasonShare:
			ahead += b.N
		case queue.ReasonBusy:
			v.Hint = &text{ZH: "您正在其他窗口办理，本号位置保留", EN: "You are at another counter; your place here is kept"}
		case queue.ReasonNoCounter:
			v.Hint = &text{ZH: "该部门窗口暂未开放，请稍候", EN: "No counter of this department is open yet"}
		case queue.ReasonOtherCounter:
			if to := p.conf.Counter(b.Name); to != nil {
				v.Hint = &text{ZH: "将由" + to.Name.ZH + "叫号", EN: to.Name.EN + " will call you"}
			}
		}
	}
	v.Says = peopleWords(ahead)
	if ahead == 0 {
		v.Says = text{ZH: "下一位就是您", EN: "You are next"}
	}
	if v.Hint == nil {
		v.Hint = &text{ZH: "请留意叫号", EN: "Please watch for your call"}
	}
}

// atDesk fills the view of a ticket that has been called.
func (p *pages) atDesk(v *ticketView, t *queue.Ticket) {
	if t.State == queue.OnHold {
		v.Mood, v.Says = "wait", text{ZH: "暂时挂起", EN: "On hold"}
		v.Hint = &text{ZH: "请等候窗口再次叫号", EN: "The counter will call you again"}
		return
	}
	v.Mood, v.Says = "go", text{ZH: "请到", EN: "Please go to"}
	if t.State == queue.Serving {
		v.Mood, v.Says = "here", text{ZH: "正在办理", EN: "Being served at"}
	}
	if counter := p.conf.Counter(string(t.At)); counter != nil {
		v.Where = &counter.Name
		if hall := p.conf.HallOf(counter.Hall); hall != nil && len(p.floors()) > 1 {
			v.Floor = new(floorWords(hall.Floor))
		}
	}
}

// floors are the different floors of the centre.
func (p *pages) floors() []int {
	var out []int
	for _, h := range p.conf.Halls {
		out = append(out, h.Floor)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// serveTicket answers GET /ticket/{tid}. The id is a ULID that nobody can guess: who has it, holds the paper.
func (p *pages) serveTicket(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("tid")
	page := p.page("ticket", text{ZH: "排队进度", EN: "Your ticket"}, "/events/ticket/"+url.PathEscape(id))
	v, err := p.ticketNow(r.Context(), queue.TicketID(id))
	switch {
	case err != nil:
		page.away()
	case !v.Known:
		page.Status, page.Events = http.StatusNotFound, ""
	}
	page.State = v
	p.show(w, page)
}
