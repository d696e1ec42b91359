package queue

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFifoCallsByPlaceWhateverTheClass(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "urgent", "booked", "")
	h.want("calls", h.calls("1", 4), "A001 A002 A003 A004")
}

func TestStrictCallsByClassUpToTheBound(t *testing.T) {
	h := openHall(t, "3")
	h.wait(fin, "", "booked", "urgent", "urgent", "", "urgent")
	// B11 is passed over by B13 and B14: that is as often as allowed, so it is next, B16 or not.
	// By then B12 was passed over twice as well.
	h.want("calls", h.calls("3", 6), "B13 B14 B11 B12 B16 B15")
}

func TestTheBoundHoldsWhileUrgentOnesKeepComing(t *testing.T) {
	h := openHall(t, "3")
	poor := h.wait(fin, "")[0]
	for range 2 {
		h.wait(fin, "urgent", "urgent")
		if got := h.next("3"); got == poor.Number {
			t.Fatalf("%s was called before the urgent ones", got)
		}
	}
	h.want("the third call", h.next("3"), poor.Number)
}

func TestRatioGivesEachClassItsShareExactly(t *testing.T) {
	h := openHall(t, "4")
	d := h.r.Departments[sci]
	d.MaxPassed = 1000
	d.Series = Series{Prefix: "C", Width: 3}
	h.r.Departments[sci] = d
	for range 25 {
		h.wait(sci, "ordinary", "booked", "urgent", "urgent")
	}
	count := map[string]int{}
	for call := 1; call <= 100; call++ {
		h.do(Next{Counter: "4"})
		count[h.s.Tickets[h.s.Visits[h.s.Desk("4").Visit].Ticket].Class]++
		if round := call / 4; call%4 == 0 && (count["urgent"] != 2*round || count["booked"] != round || count["ordinary"] != round) {
			t.Fatalf("after %d rounds: %v", round, count)
		}
	}
}

func TestRatioWastesNoTurnOnAClassThatIsAbsent(t *testing.T) {
	h := openHall(t, "4")
	h.wait(sci, "ordinary", "ordinary", "ordinary")
	h.want("calls", h.calls("4", 2), "C1 C2")
	h.wait(sci, "urgent", "urgent", "urgent")
	h.want("calls", h.calls("4", 4), "C4 C5 C6 C3")
}

func TestRatioKeepsTheBound(t *testing.T) {
	h := openHall(t, "4")
	d := h.r.Departments[sci]
	d.MaxPassed, d.Shares = 3, map[string]int{"urgent": 10, "ordinary": 1}
	h.r.Departments[sci] = d
	h.wait(sci, "ordinary", "urgent", "urgent", "urgent", "urgent")
	h.want("calls", h.calls("4", 5), "C2 C3 C4 C1 C5")
}

func TestNeedsArePassedOverAndKeepTheirPlace(t *testing.T) {
	h := openHall(t, "1", "2")
	low := h.take(Take{Dept: edu, Needs: []string{"low"}})
	h.paper(low, PaperAsked)
	h.wait(edu, "", "")
	h.want("counter 1 provides nothing", h.next("1"), "A002")
	h.want("line", h.line(edu), "A001 A003")
	h.want("counter 2 has a low desk", h.next("2"), "A001")
}

func TestAHolderWhoIsServedIsPassedOverAndKeepsThePlace(t *testing.T) {
	h := openHall(t, "1", "3")
	for _, d := range []DeptID{edu, fin} {
		h.paper(h.take(Take{Dept: d, Holder: "card7"}), PaperAsked)
	}
	h.wait(fin, "", "")
	h.want("called", h.next("1"), "A001")
	h.want("the holder is at counter 1", h.next("3"), "B12")
	h.do(Start{Counter: "1"})
	h.want("line", h.line(fin), "B11 B13")
	h.do(Complete{Counter: "1", Outcome: Direct})
	h.want("free again, first again", h.next("3"), "B11")
}

func TestAHolderOnHoldIsNotCalledBackWhileServedElsewhere(t *testing.T) {
	h := openHall(t, "1", "3")
	a := h.take(Take{Dept: edu, Holder: "card7"})
	b := h.take(Take{Dept: fin, Holder: "card7"})
	h.paper(a, PaperAsked)
	h.paper(b, PaperAsked)
	h.do(Next{Counter: "1"})
	h.do(Park{Counter: "1"})
	h.want("called", h.next("3"), "B11")
	h.refused(Unpark{Counter: "1"}, Conflict)
	h.do(Complete{Counter: "3", Outcome: Direct})
	h.do(Unpark{Counter: "1"})
}

func TestTheHolderWhoLeavesACounterMayBeCalledThereAtOnce(t *testing.T) {
	h := openHall(t, "2")
	for _, d := range []DeptID{edu, fin} {
		h.paper(h.take(Take{Dept: d, Holder: "card7"}), PaperAsked)
	}
	h.want("calls", h.calls("2", 2), "A001 B11")
}

func TestASharedCounterTakesTheEarliestCandidate(t *testing.T) {
	h := openHall(t, "2")
	h.wait(fin, "")
	h.wait(edu, "")
	h.wait(fin, "urgent")
	h.wait(edu, "")
	h.want("calls", h.calls("2", 4), "A001 B12 B11 A002")
}

func TestATicketThatIsPrintingIsNotCalled(t *testing.T) {
	h := openHall(t, "1")
	h.take(Take{Dept: edu})
	h.want("nobody", h.next("1"), "")
	h.pass(19 * time.Second)
	h.refused(Tick{}, Nothing)
	h.pass(time.Second)
	h.do(Tick{})
	h.want("called", h.next("1"), "A001")
}

// How many stand before a ticket is said on its paper, so it is checked against the calls themselves.
func TestAheadIsHowManyAreCalledBefore(t *testing.T) {
	classes := []string{"", "urgent", "booked", "ordinary", "urgent", "", "booked", "booked", "urgent", "", "urgent", "urgent"}
	for _, policy := range []Policy{FIFO, Strict, Ratio} {
		for called := range 5 {
			t.Run(fmt.Sprintf("%s after %d calls", policy, called), func(t *testing.T) {
				h := openHall(t, "4")
				d := h.r.Departments[sci]
				d.Policy, d.MaxPassed, d.Series.Width = policy, 1000, 3
				h.r.Departments[sci] = d
				h.wait(sci, classes...)
				h.calls("4", called)
				ahead := map[string]int{}
				for _, o := range h.s.Line(sci) {
					dd := &decider{r: h.r, s: h.s}
					ahead[o.Number] = dd.ahead(o).total()
				}
				for i, num := range strings.Fields(h.calls("4", len(classes)-called)) {
					if ahead[num] != i {
						t.Errorf("%s was said to have %d before it, it had %d", num, ahead[num], i)
					}
				}
			})
		}
	}
}

func TestAheadIsNeverMoreThanTheBoundAllows(t *testing.T) {
	h := openHall(t, "3")
	w := h.wait(fin, "", "urgent", "urgent", "urgent", "urgent")
	d := &decider{r: h.r, s: h.s}
	if n := d.ahead(w[0]); n.total() != 2 {
		t.Errorf("%+v stand before the first, although only two may pass it", n)
	}
	h.want("calls", h.calls("3", 3), "B12 B13 B11")
}
