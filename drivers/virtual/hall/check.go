package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quhao/daemon/queue"
	"quhao/daemon/store"
)

// books is what the database holds of the day.
type books struct {
	state   *queue.State
	totals  map[queue.DeptID]store.Total
	ratings []store.Rating
}

// check compares the database with what the people and the twins have seen, and prints both.
func (d *demo) check(killed bool) error {
	ctx := context.WithoutCancel(d.h.ctx)
	word, err := ask(ctx, d.h.opt.bin, "verify", "-data", d.h.data("quhaod"))
	if err != nil {
		return err
	}
	b, err := readBooks(ctx, d.h.data("quhaod"))
	if err != nil {
		return err
	}
	d.print(b, d.compare(b, killed))
	d.h.out.say("quhaod verify: %s", strings.TrimSpace(word))
	if len(d.ledger.wrong) > 0 {
		d.h.out.say("有 %[1]d 处不符 / %[1]d things do not agree:\n  %s", len(d.ledger.wrong), strings.Join(d.ledger.wrong, "\n  "))
		return errWrong
	}
	d.h.out.say("全部相符：每张号票都已办理或过号，没有两位访客同号，每次评价都在库中\n/ everything agrees: every paper was served or missed, no number stands on two visitors' papers, every rating is in the database")
	return nil
}

// compare writes down in the ledger all that differs, and returns what was seen, by department.
func (d *demo) compare(b books, killed bool) map[string]line {
	seen := d.count()
	d.checkPapers(b, killed)
	d.checkVisits(b)
	d.checkTotals(b, seen)
	return seen
}

// readBooks reads the database of the daemon that has ended.
func readBooks(ctx context.Context, dir string) (_ books, err error) {
	st, err := store.Open(dir, store.Options{Who: "the virtual hall"})
	if err != nil {
		return books{}, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	b := books{state: queue.New(), totals: map[queue.DeptID]store.Total{}}
	err = st.Load(func(e queue.Event) error {
		_, err := b.state.Apply(e)
		return err
	})
	if err != nil {
		return books{}, err
	}
	totals, err := st.Totals(ctx, b.state.Day)
	if err != nil {
		return books{}, err
	}
	for _, t := range totals {
		b.totals[t.Dept] = t
	}
	b.ratings, err = st.Ratings(ctx, b.state.Day)
	return b, err
}

// line is one department of the table, as the people saw it.
type line struct {
	printed, again                int // papers: numbers, and their reprints
	called, served, missed, rated int
	sum                           int // of the scores
}

func (l line) mean() float64 {
	if l.rated == 0 {
		return 0
	}
	return float64(l.sum) / float64(l.rated)
}

// count sums up what the people and the twins have seen, by department.
func (d *demo) count() map[string]line {
	out := map[string]line{}
	numbers := map[string]bool{}
	for _, p := range d.h.papers.list() {
		v := d.ledger.holders[p.number]
		if v == nil {
			d.ledger.complain("%s came out of %s and nobody took it", p.number, p.kiosk)
			continue
		}
		l := out[v.want.Department]
		switch {
		case !numbers[p.number]:
			l.printed++
		case p.reprint > 0:
			l.again++
		default:
			d.ledger.complain("%s was printed twice, and the second paper does not say that it is a reprint", p.number)
		}
		numbers[p.number] = true
		out[v.want.Department] = l
	}
	for _, v := range d.ledger.visits {
		l := out[v.dept]
		l.called++
		switch v.outcome {
		case queue.Direct:
			l.served++
		case queue.NoShow:
			l.missed++
		}
		if v.score > 0 {
			l.rated++
			l.sum += v.score
		}
		out[v.dept] = l
	}
	return out
}

// checkPapers compares tickets and papers, one by one.
func (d *demo) checkPapers(b books, killed bool) {
	tickets := map[string]bool{}
	for _, t := range b.state.Tickets {
		if tickets[t.Number] {
			d.ledger.complain("the database has two tickets %s", t.Number)
		}
		tickets[t.Number] = true
		v := d.ledger.holders[t.Number]
		switch {
		case v != nil && t.State != queue.Done && t.State != queue.Gone:
			d.ledger.complain("%s is on the paper of visitor %d and ended as %s", t.Number, v.no, t.State)
		case v == nil && !killed:
			d.ledger.complain("ticket %s (%s) has no paper", t.Number, t.State)
		case v == nil && t.State != queue.Void && t.State != queue.Gone: // its answer was lost with the daemon
			d.ledger.complain("ticket %s has no paper and ended as %s", t.Number, t.State)
		}
	}
	for number, v := range d.ledger.holders {
		if !tickets[number] {
			d.ledger.complain("%s, the paper of visitor %d, is not in the database", number, v.no)
		}
	}
}

// checkVisits compares the visits, one by one: number, counter, outcome and score.
func (d *demo) checkVisits(b books) {
	scores := map[string]int{}
	for _, r := range b.ratings {
		scores[string(r.Visit)] = r.Score
	}
	for id, v := range b.state.Visits {
		seen := d.ledger.visits[string(id)]
		number := b.state.Tickets[v.Ticket].Number
		is := seenVisit{number: number, dept: string(v.Dept), counter: string(v.Counter), outcome: v.Outcome, score: scores[string(id)]}
		switch {
		case seen == nil:
			d.ledger.complain("the database has a visit that nobody saw: %+v", is)
		case *seen != is:
			d.ledger.complain("visit of %s: seen %+v, in the database %+v", number, *seen, is)
		}
	}
	for id, v := range d.ledger.visits {
		if b.state.Visits[queue.VisitID(id)] == nil {
			d.ledger.complain("a visit is not in the database: %+v", *v)
		}
	}
}

// checkTotals compares the table that reports are made of with the sums of what was seen.
func (d *demo) checkTotals(b books, seen map[string]line) {
	for _, dept := range d.h.conf.Centre.Departments {
		t, l := b.totals[queue.DeptID(dept.ID)], seen[dept.ID]
		blind := 0 // tickets without paper: see checkPapers
		for _, ticket := range b.state.Tickets {
			if string(ticket.Dept) == dept.ID && d.ledger.holders[ticket.Number] == nil {
				blind++
			}
		}
		for _, c := range []struct {
			what string
			db   int
			seen int
		}{
			{"taken", t.Taken, l.printed + blind}, {"called", t.Called, l.called}, {"served", t.Served, l.served},
			{"missed", t.Missed, l.missed}, {"rated", t.Rated, l.rated},
		} {
			if c.db != c.seen {
				d.ledger.complain("%s: %s %d in the database, %d seen", dept.ID, c.what, c.db, c.seen)
			}
		}
		if diff := t.Mean - l.mean(); diff > 1e-9 || diff < -1e-9 {
			d.ledger.complain("%s: mean rating %f in the database, %f seen", dept.ID, t.Mean, l.mean())
		}
	}
}

// print prints the table: each department as the database has it and as it was seen.
func (d *demo) print(b books, seen map[string]line) {
	var out strings.Builder
	cols := []string{"取号 taken", "出票 papers", "补打 again", "叫号 called", "办结 served", "过号 missed", "评价 rated", "均分 mean"}
	fmt.Fprintf(&out, "\n%s", left("部门 department", 22))
	for _, c := range cols {
		fmt.Fprintf(&out, "%s", right(c, 13))
	}
	row := func(name string, cells ...string) {
		fmt.Fprintf(&out, "\n%s", left(name, 22))
		for _, c := range cells {
			out.WriteString(right(c, 13))
		}
	}
	n := func(i int) string { return fmt.Sprint(i) }
	for _, dept := range d.h.conf.Centre.Departments {
		t, l := b.totals[queue.DeptID(dept.ID)], seen[dept.ID]
		printed := 0
		for paper, count := range t.Printed {
			if slices.Contains([]queue.Paper{queue.PaperConfirmed, queue.PaperAsked, queue.PaperSent}, paper) {
				printed += count
			}
		}
		row(dept.Name.ZH+" database", n(t.Taken), n(printed), "", n(t.Called), n(t.Served), n(t.Missed), n(t.Rated), fmt.Sprintf("%.2f", t.Mean))
		row(dept.Name.ZH+" seen", "", n(l.printed), n(l.again), n(l.called), n(l.served), n(l.missed), n(l.rated), fmt.Sprintf("%.2f", l.mean()))
	}
	d.h.out.say("%s\n", out.String())
}

// left and right fill a text with spaces up to so many cells.
func left(s string, wide int) string  { return s + strings.Repeat(" ", max(1, wide-cells(s))) }
func right(s string, wide int) string { return strings.Repeat(" ", max(1, wide-cells(s))) + s }
