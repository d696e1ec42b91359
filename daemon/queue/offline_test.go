package queue

import (
	"testing"
	"time"
)

// offline is the paper of a number that a kiosk gave by itself at a time.
func (h *hall) offline(id string, number string, off int, at time.Time) ReportPaper {
	return ReportPaper{
		Ticket: TicketID("t-" + id), Answer: RequestID(id), Paper: PaperStarted, Dept: edu, Number: number, Day: h.s.Day,
		Off: off, Claimed: at, ClockOK: true,
	}
}

func TestAnOfflinePaperStandsWhereItWasPrinted(t *testing.T) {
	h := openHall(t)
	h.wait(edu, "")
	h.now = h.now.Add(time.Minute)
	cut := h.now
	h.now = h.now.Add(time.Minute)
	h.wait(edu, "")
	h.now = h.now.Add(time.Minute)
	h.fact(h.offline("r1", "AX07", 7, cut))
	h.want("by its time", h.line(edu), "A001 AX07 A002")
	h.fact(h.offline("r2", "AX08", 8, cut.Add(-30*time.Second)))
	h.want("never before an earlier one of the same kiosk", h.line(edu), "A001 AX07 AX08 A002")
	w := h.offline("r3", "AX09", 9, cut)
	w.NotBefore = h.s.Seq
	h.fact(w)
	h.want("not before what the messages prove", h.line(edu), "A001 AX07 AX08 A002 AX09")
	equal(t, "known", h.s.Installs["k1"].Off, 9)
}

func TestAnOfflineNumberConsumesItsRequest(t *testing.T) {
	h := openHall(t)
	unheard := h.take(Take{Dept: edu})
	h.fact(h.offline(string(unheard.ID), "AX01", 1, h.now))
	h.state(unheard, Void)
	h.want("the paper", h.line(edu), "AX01")

	late := h.command(Take{Dept: edu})
	h.fact(h.offline(string(late.Request), "AX02", 2, h.now))
	_, no := Decide(h.r, h.s, late, h.now)
	if no == nil || no.Code != Nothing {
		t.Errorf("a late copy of the request: %v", no)
	}
	h.fact(ReportPaper{Ticket: TicketID("t-" + late.Request), Answer: late.Request, Paper: PaperNone})
	h.state(h.s.Tickets[TicketID("t-"+late.Request)], Void)
}

func TestAPaperOfAnotherDayIsExpiredUnlessItsClockIsWrong(t *testing.T) {
	h := openHall(t)
	h.do(CloseDay{Force: true})
	yesterday := h.now
	h.now = h.now.Add(14 * time.Hour)
	h.do(OpenDay{})
	w := h.offline("r1", "AX01", 1, yesterday)
	w.Day = 1
	h.fact(w)
	old := h.s.Tickets["t-r1"]
	h.state(old, Expired)
	equal(t, "its day", old.Day, Day(1))
	w = h.offline("r2", "AX02", 2, yesterday)
	w.Day, w.ClockOK = 1, false
	h.fact(w)
	h.want("a clock that says nothing", h.line(edu), "AX02")

	h.do(Reinstate{Ticket: "t-r1"})
	h.want("brought back", h.line(edu), "AX02 AX01")
	h.refused(Reinstate{Ticket: "t-r1"}, Fault)
}

func TestPermitsOfALetterNeverMeet(t *testing.T) {
	h := openHall(t)
	permit := func(install InstallID, has int) (b Permitted) {
		t.Helper()
		return h.do(Permit{Device: "kiosk-1", Install: install, Letters: "X", Cap: 99, Has: has}).Body.(Permitted)
	}
	equal(t, "the first", permit("k1", 0), Permitted{Device: "kiosk-1", Install: "k1", Letters: "X", From: 1, High: 99})
	h.refused(Permit{Device: "kiosk-1", Install: "k1", Letters: "X", Cap: 99}, Nothing)
	h.fact(h.offline("r1", "AX40", 40, h.now))
	h.do(Bind{Device: "kiosk-1", Install: "k2", Replace: true})
	equal(t, "a spare begins above all the old one can have printed", permit("k2", 0).From, 100)
	h.refused(Permit{Device: "kiosk-1", Install: "k1", Letters: "X", Cap: 99}, Fault)
	h.do(CloseDay{Force: true})
	h.do(OpenDay{})
	again := permit("k2", 120)
	equal(t, "its own series goes on", again.From, 100)
	equal(t, "and so does what it can have printed", again.High, 219)
}

func TestAfterARestoreASpareBeginsAboveWhatTheBackupDoesNotKnow(t *testing.T) {
	h := openHall(t)
	permit := func(install InstallID, letters string) int {
		t.Helper()
		return h.do(Permit{Device: "kiosk-1", Install: install, Letters: letters, Cap: 99}).Body.(Permitted).From
	}
	permit("k1", "X")
	h.do(BeginRecovery{Why: "restore"})
	h.do(EndRecovery{Jump: 300})
	h.do(Bind{Device: "kiosk-1", Install: "k3", Replace: true})
	equal(t, "above the one that came and died", permit("k3", "X"), 400)
	h.do(Bind{Device: "kiosk-1", Install: "k4", Replace: true})
	equal(t, "also with letters that the backup has never heard of", permit("k4", "Y"), 400)
	h.do(CloseDay{Force: true})
	h.do(OpenDay{})
	h.do(Bind{Device: "kiosk-1", Install: "k5", Replace: true})
	equal(t, "and for ever", permit("k5", "Y"), 499)
}

func TestARecoveryGivesNoNumbersAndGoesOnAboveAll(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	h.do(Next{Counter: "1"})
	h.do(BeginRecovery{Why: "restore"})
	equal(t, "the counter", h.s.Desk("1").State, DeskIdle)
	h.refused(Take{Dept: edu}, Recovering)
	h.fact(started("lost", "A074", 1))
	h.want("a paper that only its kiosk knew", h.line(edu), "A074")
	h.do(EndRecovery{Heard: map[DeptID]int{edu: 80}})
	h.want("the next hundred", h.take(Take{Dept: edu}).Number, "A100")
	h.want("a short series", h.take(Take{Dept: fin}).Number, "B11")
	h.refused(EndRecovery{}, Conflict)
}

func TestAnOfflinePaperIsCalledWhenItIsOut(t *testing.T) {
	h := openHall(t, "1")
	h.fact(h.offline("r1", "AX01", 1, h.now))
	h.refused(Next{Counter: "1"}, Empty)
	h.fact(ReportPaper{Ticket: "t-r1", Answer: "r1", Paper: PaperConfirmed})
	h.do(Next{Counter: "1"})
	h.state(h.s.Tickets["t-r1"], Calling)
}

func TestAKioskThatHasHeardOfTheDayPrintedInIt(t *testing.T) {
	h := openHall(t)
	h.fact(h.offline("r1", "AX01", 1, h.now.Add(-time.Hour)))
	h.state(h.s.Tickets["t-r1"], Printing)
}

func TestANumberOfAnEarlierDayStaysOfThatDay(t *testing.T) {
	h := openHall(t)
	h.do(CloseDay{Force: true})
	h.do(OpenDay{})
	w := h.offline("r1", "A005", 0, h.now.Add(time.Hour)) // the clock was set back between the days
	w.Ticket, w.Day = "r1", 1
	h.fact(w)
	h.state(h.s.Tickets["r1"], Expired)
}

func TestProofGoesBeforeClocks(t *testing.T) {
	h := openHall(t)
	h.wait(edu, "")
	proven := h.s.Seq
	h.wait(edu, "")
	w := h.offline("r1", "AX01", 1, h.now.Add(-time.Hour))
	w.NotBefore, w.NotAfter = proven, proven
	h.fact(w)
	h.want("a clock that is behind", h.line(edu), "A001 AX01 A002")
	w = h.offline("r2", "AX02", 2, h.now.Add(time.Hour))
	w.NotAfter = proven
	h.fact(w)
	h.want("a clock that is ahead", h.line(edu), "A001 AX01 AX02 A002")
}

func TestAnOldCopyOfAJournalDoesNotVoidATicket(t *testing.T) {
	h := openHall(t)
	a := h.take(Take{Dept: edu})
	h.do(Bind{Device: "kiosk-1", Install: "k2", Replace: true})
	equal(t, "the paper of the dead installation", a.Papers[RequestID(a.ID)], PaperUnknown)
	if _, no := h.ask(h.factOf("k2", ReportPaper{Answer: RequestID(a.ID), Paper: PaperAbandoned})); no != nil {
		t.Fatal(no)
	}
	h.state(a, Printing)
	equal(t, "it stays unknown", a.Papers[RequestID(a.ID)], PaperUnknown)
}

func TestAnUndoneCallOfANumberWithoutPaperIsVoid(t *testing.T) {
	h := openHall(t, "1")
	a := h.wait(edu, "")[0]
	h.do(Next{Counter: "1"})
	h.fact(ReportPaper{Ticket: a.ID, Answer: RequestID(a.ID), Paper: PaperNone})
	h.do(Undo{Counter: "1"})
	h.state(a, Void)
	h.want("nobody", h.line(edu), "")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}
