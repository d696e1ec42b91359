package queue

import (
	"slices"
	"testing"
	"time"
)

func TestNumbersCountFromTheFirstOfTheSeries(t *testing.T) {
	h := openHall(t)
	for _, want := range []struct {
		dept DeptID
		num  string
	}{{edu, "A001"}, {edu, "A002"}, {fin, "B11"}, {sci, "C1"}, {edu, "A003"}, {fin, "B12"}} {
		h.want("number", h.take(Take{Dept: want.dept}).Number, want.num)
	}
}

func TestLabelsAndLimits(t *testing.T) {
	for _, c := range []struct {
		s     Series
		n     int
		label string
		last  int
	}{
		{Series{Prefix: "A"}, 7, "A007", 999},
		{Series{Prefix: "AB", Width: 1}, 7, "AB7", 9},
		{Series{Prefix: "A", Width: 2, Limit: 60}, 12, "A12", 60},
		{Series{Prefix: "A", Width: 2, Limit: 60, Over: Widen}, 100, "A100", 999},
		{Series{Prefix: "A", Width: 5}, 1, "A00001", 99999},
	} {
		if got := c.s.Label(c.n); got != c.label {
			t.Errorf("%+v: number %d is %q, want %q", c.s, c.n, got, c.label)
		}
		if got := c.s.last(); got != c.last {
			t.Errorf("%+v: the last number is %d, want %d", c.s, got, c.last)
		}
		if got := c.s.number(c.label); got != c.n {
			t.Errorf("%+v: %q reads as %d, want %d", c.s, c.label, got, c.n)
		}
	}
}

func TestNumbersThatAreNotOfTheSeries(t *testing.T) {
	s := Series{Prefix: "A", Width: 3}
	for _, label := range []string{"", "A", "B001", "AX07", "A1", "A+01", "A-01", "A000", "A1000", "A99999999999999999999", "a001"} {
		if n := s.number(label); n != 0 {
			t.Errorf("%q reads as %d", label, n)
		}
	}
}

func TestASeriesThatRefusesAtItsLimit(t *testing.T) {
	h := openHall(t)
	for range 20 { // B11 to B30
		h.take(Take{Dept: fin})
	}
	h.refused(Take{Dept: fin}, Full)
	h.want("another department goes on", h.take(Take{Dept: edu}).Number, "A001")
}

func TestASeriesThatWidensAtItsLimit(t *testing.T) {
	h := openHall(t)
	for range 8 {
		h.take(Take{Dept: sci})
	}
	for _, want := range []string{"C9", "C10", "C11"} {
		h.want("number", h.take(Take{Dept: sci}).Number, want)
	}
	for range 99 - 11 {
		h.take(Take{Dept: sci})
	}
	h.refused(Take{Dept: sci}, Full)
}

func TestTakeIsRefused(t *testing.T) {
	h := openHall(t)
	d := h.r.Departments[fin]
	d.CardOnly = true
	h.r.Departments[fin] = d
	h.refused(Take{Dept: "law"}, Fault)
	h.refused(Take{Dept: edu, Item: "passport"}, Fault)
	h.refused(Take{Dept: fin}, NotEligible)
	h.do(SetIssuing{Dept: edu})
	h.refused(Take{Dept: edu}, Closed)
	h.refused(SetIssuing{Dept: "law"}, Fault)
	h.do(SetIssuing{Dept: edu, Open: true})
	h.take(Take{Dept: edu, Item: "card"})
	if _, no := h.ask(Command{Do: Take{Dept: edu}}); no == nil || no.Code != Fault {
		t.Errorf("a ticket without a request id: %v", no)
	}
}

func TestARepeatedRequestHasItsAnswerAlready(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	for _, w := range []Wish{
		Take{Dept: edu, Holder: "card7"}, Take{Dept: edu, Holder: "card7"}, Next{Counter: "1"}, Start{Counter: "1"},
		SetIssuing{Dept: fin}, Complete{Counter: "1", Outcome: Direct},
	} {
		c := h.command(w)
		if _, no := h.ask(c); no != nil {
			t.Fatalf("%#v: %v", w, no)
		}
		first, ok := h.s.Answer(c.Request)
		if !ok {
			t.Fatalf("%#v has no answer", w)
		}
		if _, no := h.ask(c); no == nil || no.Code != Nothing {
			t.Errorf("%#v again: %v, want nothing", w, no)
		}
		if again, _ := h.s.Answer(c.Request); again != first {
			t.Errorf("%#v: answer %+v became %+v", w, first, again)
		}
	}
}

func TestACardHasOneLiveTicketInADepartment(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	first := h.take(Take{Dept: edu, Holder: "card7"})
	again := h.do(Take{Dept: edu, Holder: "card7", Item: "card"})
	if got := (Shown{Ticket: first.ID, Ahead: 1}); again.Body != got {
		t.Fatalf("the second tap made %+v, want %+v", again.Body, got)
	}
	if a, _ := h.s.Answer(again.Request); a.Code != Dup || a.Ticket != first.ID || a.Ahead != 1 {
		t.Errorf("answer %+v, want the ticket again", a)
	}
	for _, w := range []Wish{Tick{}, Next{"1"}, Next{"1"}, Start{"1"}, Park{"1"}, Unpark{Counter: "1"}, Undo{"1"}, Unpark{Counter: "1"}, Transfer{Counter: "1", To: fin}} {
		h.pass(30 * time.Second)
		h.do(w)
		dept := first.Dept
		if e := h.do(Take{Dept: dept, Holder: "card7"}); e.Body.Kind() != "shown" {
			t.Fatalf("while its ticket is %s the card got %+v", first.State, e.Body)
		}
	}
}

func TestACardGetsANewTicketWhenTheOldOneIsDone(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	first := h.take(Take{Dept: edu, Holder: "card7"})
	h.want("another department", h.take(Take{Dept: fin, Holder: "card7"}).Number, "B11")
	h.want("another card", h.take(Take{Dept: edu, Holder: "card8"}).Number, "A003")
	h.paper(first, PaperAsked)
	h.want("calls", h.calls("1", 2), "A001 A002")
	h.do(Complete{Counter: "1", Outcome: Direct})
	h.want("after it was served", h.take(Take{Dept: edu, Holder: "card7"}).Number, "A004")
}

func TestATicketKnowsWhatItWasAskedWith(t *testing.T) {
	h := openHall(t)
	x := h.take(Take{Dept: fin, Class: "booked", Needs: []string{"low"}, Lang: "en", Holder: "card1"})
	y := h.take(Take{Dept: fin, Class: "no such class"})
	if x.Class != "booked" || !slices.Equal(x.Needs, []string{"low"}) || x.Lang != "en" || x.Holder != "card1" || x.Device != "kiosk-1" {
		t.Errorf("ticket %+v", x)
	}
	if y.Class != "ordinary" {
		t.Errorf("an unknown class became %q, want the ordinary one", y.Class)
	}
}
