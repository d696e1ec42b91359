package queue

import (
	"fmt"
	"testing"
	"time"
)

// crowded is a state with an open day, a counter for each of the first three departments, and n who wait in dept.
// It does not go through hall: the checks there would be what is measured.
func crowded(b *testing.B, dept DeptID, n int) (*Rules, *State, time.Time) {
	b.Helper()
	r, s, now := hallRules(), New(), time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	d := r.Departments[dept]
	d.Series = Series{Prefix: "X", Width: 5}
	r.Departments[dept] = d
	run(b, r, s, Command{Do: RaiseEpoch{Boot: "boot1"}}, now)
	run(b, r, s, Command{Do: OpenDay{}}, now)
	for c, o := range map[CounterID]OfficerID{"1": "zhao", "3": "sun", "4": "li"} {
		run(b, r, s, Command{Do: SignOn{Counter: c, Officer: o}}, now)
	}
	classes := []string{"", "", "", "", "booked"}
	for i := range n {
		run(b, r, s, takeNo(dept, i, classes[i%len(classes)]), now)
	}
	now = now.Add(time.Minute)
	run(b, r, s, Command{Do: Tick{}}, now)
	return r, s, now
}

func takeNo(dept DeptID, i int, class string) Command {
	return Command{Request: RequestID(fmt.Sprintf("take%08d", i)), Do: Take{Dept: dept, Class: class, Holder: fmt.Sprintf("card%08d", i)}}
}

func run(b *testing.B, r *Rules, s *State, c Command, now time.Time) {
	e, no := Decide(r, s, c, now)
	if no != nil {
		b.Fatalf("%#v: %v", c.Do, no)
	}
	if _, err := s.Apply(e); err != nil {
		b.Fatal(err)
	}
}

// A take and the next that calls one of those who wait, so that as many wait after each turn as before it.
func BenchmarkTakeAndNext(b *testing.B) {
	counters := map[DeptID]CounterID{edu: "1", fin: "3", sci: "4"}
	for _, dept := range []DeptID{edu, fin, sci} {
		for _, waiting := range []int{10, 5000} {
			r, s, now := crowded(b, dept, waiting)
			b.Run(fmt.Sprintf("%s/%d", r.Departments[dept].Policy, waiting), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if i%2000 == 1999 { // a day has an end
						b.StopTimer()
						r, s, now = crowded(b, dept, waiting)
						b.StartTimer()
					}
					run(b, r, s, takeNo(dept, waiting+i, ""), now)
					now = now.Add(20 * time.Second)
					run(b, r, s, Command{Do: Tick{}}, now)
					run(b, r, s, Command{Request: RequestID(fmt.Sprintf("next%08d", i)), Do: Next{Counter: counters[dept]}}, now)
				}
			})
		}
	}
}

// What a kiosk waits for: the decision and the change of one ticket, with many waiting.
func BenchmarkTake(b *testing.B) {
	for _, dept := range []DeptID{edu, fin, sci} {
		for _, waiting := range []int{10, 5000} {
			r, s, now := crowded(b, dept, waiting)
			b.Run(fmt.Sprintf("%s/%d", r.Departments[dept].Policy, waiting), func(b *testing.B) {
				c := takeNo(dept, waiting, "")
				b.ReportAllocs()
				for b.Loop() {
					if _, no := Decide(r, s, c, now); no != nil {
						b.Fatal(no)
					}
				}
			})
		}
	}
}
