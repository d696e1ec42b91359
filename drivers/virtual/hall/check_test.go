package main

import (
	"strings"
	"testing"

	"quhao/daemon/queue"
	"quhao/daemon/store"
)

// morning returns a small morning whose books agree: A001 served and rated 5, B001 missed, A001 printed twice.
func morning(t *testing.T) (*demo, books) {
	t.Helper()
	conf := load(t)
	study, finance := conf.Devices[0].Keys[0], conf.Devices[0].Keys[1]
	first := &visitor{no: 1, want: study, number: "A001", settled: true, hasSat: true}
	second := &visitor{no: 2, want: finance, number: "B001", settled: true, hasSat: true}
	var said strings.Builder
	d := &demo{
		h: &hall{conf: conf, out: newVoice(&said), papers: &papers{all: []paper{
			{kiosk: "kiosk-1", number: "A001"}, {kiosk: "kiosk-2", number: "B001"}, {kiosk: "kiosk-2", number: "A001", reprint: 1},
		}}},
		ledger: newLedger([]*visitor{first, second}),
	}
	d.ledger.hold(first, paper{number: "A001"})
	d.ledger.hold(second, paper{number: "B001"})
	d.ledger.visit("v1", seenVisit{number: "A001", dept: "study", counter: "c1", outcome: queue.Direct, score: 5})
	d.ledger.visit("v2", seenVisit{number: "B001", dept: "finance", counter: "c3", outcome: queue.NoShow})
	s := queue.New()
	s.Tickets["t1"] = &queue.Ticket{ID: "t1", Dept: "study", Number: "A001", State: queue.Done}
	s.Tickets["t2"] = &queue.Ticket{ID: "t2", Dept: "finance", Number: "B001", State: queue.Gone}
	s.Visits["v1"] = &queue.Visit{ID: "v1", Ticket: "t1", Dept: "study", Counter: "c1", Outcome: queue.Direct, Score: 5}
	s.Visits["v2"] = &queue.Visit{ID: "v2", Ticket: "t2", Dept: "finance", Counter: "c3", Outcome: queue.NoShow}
	return d, books{
		state: s,
		totals: map[queue.DeptID]store.Total{
			"study":   {Dept: "study", Taken: 1, Called: 1, Served: 1, Rated: 1, Mean: 5},
			"finance": {Dept: "finance", Taken: 1, Called: 1, Missed: 1},
		},
		ratings: []store.Rating{{Visit: "v1", Score: 5}},
	}
}

// TestBooks: the check finds each way in which database and hall can differ, and nothing where they agree.
func TestBooks(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*demo, books)
		killed bool
		want   string // part of a complaint; empty: none
	}{
		"agree":                       {spoil: func(*demo, books) {}},
		"rating lost":                 {spoil: func(d *demo, b books) { b.ratings[0].Visit = "v9" }, want: "visit of A001"},
		"another score":               {spoil: func(d *demo, b books) { b.ratings[0].Score = 1 }, want: "visit of A001"},
		"visit lost":                  {spoil: func(d *demo, b books) { delete(b.state.Visits, "v2") }, want: "a visit is not in the database"},
		"visit out of nothing":        {spoil: func(d *demo, b books) { b.state.Visits["v3"] = &queue.Visit{Ticket: "t1"} }, want: "nobody saw"},
		"another counter":             {spoil: func(d *demo, b books) { b.state.Visits["v1"].Counter = "c2" }, want: "visit of A001"},
		"another outcome":             {spoil: func(d *demo, b books) { b.state.Visits["v2"].Outcome = queue.Direct }, want: "visit of B001"},
		"paper not served":            {spoil: func(d *demo, b books) { b.state.Tickets["t1"].State = queue.Waiting }, want: "ended as waiting"},
		"paper unknown":               {spoil: func(d *demo, b books) { delete(b.state.Tickets, "t2"); delete(b.state.Visits, "v2") }, want: "is not in the database"},
		"one number on two tickets":   {spoil: func(d *demo, b books) { b.state.Tickets["t2"].Number = "A001" }, want: "two tickets A001"},
		"ticket without paper":        {spoil: addTicket(queue.Void), want: "has no paper"},
		"void after a kill":           {spoil: addTicket(queue.Void), killed: true},
		"served without paper":        {spoil: addTicket(queue.Done), killed: true, want: "has no paper and ended as done"},
		"second paper unmarked":       {spoil: func(d *demo, b books) { d.h.papers.all[2].reprint = 0 }, want: "printed twice"},
		"paper nobody took":           {spoil: func(d *demo, b books) { d.h.papers.all[2].number = "C001" }, want: "nobody took it"},
		"one number for two visitors": {spoil: func(d *demo, b books) { d.ledger.hold(&visitor{no: 3}, paper{number: "A001"}) }, want: "visitors 1 and 3"},
		"paper without number":        {spoil: func(d *demo, b books) { d.ledger.hold(&visitor{no: 3}, paper{}) }, want: "without a number"},
		"taken":                       {spoil: total(func(x *store.Total) { x.Taken++ }), want: "study: taken 2"},
		"called":                      {spoil: total(func(x *store.Total) { x.Called++ }), want: "study: called 2"},
		"served":                      {spoil: total(func(x *store.Total) { x.Served-- }), want: "study: served 0"},
		"missed":                      {spoil: total(func(x *store.Total) { x.Missed++ }), want: "study: missed 1"},
		"rated":                       {spoil: total(func(x *store.Total) { x.Rated++ }), want: "study: rated 2"},
		"mean":                        {spoil: total(func(x *store.Total) { x.Mean = 4.5 }), want: "mean rating 4.5"},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := morning(t)
			c.spoil(d, b)
			d.compare(b, c.killed)
			got := strings.Join(d.ledger.wrong, "\n")
			if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
				t.Errorf("the check says %q, want %q", got, c.want)
			}
		})
	}
}

func addTicket(state queue.TicketState) func(*demo, books) {
	return func(d *demo, b books) {
		b.state.Tickets["t3"] = &queue.Ticket{ID: "t3", Dept: "study", Number: "A002", State: state}
		total(func(x *store.Total) { x.Taken++ })(d, b)
	}
}

func total(change func(*store.Total)) func(*demo, books) {
	return func(_ *demo, b books) {
		x := b.totals["study"]
		change(&x)
		b.totals["study"] = x
	}
}
