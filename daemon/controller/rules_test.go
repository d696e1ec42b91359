package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quhao/daemon/queue"
	"quhao/internal/config"
)

func TestRulesOfTheHall(t *testing.T) {
	r := Rules(hallConfig(t).Centre)
	missed := queue.Missed{Recalls: 1, Every: 5 * time.Second, Within: 30 * time.Minute, After: 1, Times: 1}
	want := &queue.Rules{
		Classes: []string{"priority", "appointment", "normal"},
		Departments: map[queue.DeptID]queue.Department{
			"study": {ID: "study", Series: queue.Series{Prefix: "A", Width: 3, First: 1, Limit: 999, Over: queue.Refuse}, Policy: queue.Strict,
				MaxPassed: 10, Missed: missed, CardOnly: true, Items: []string{"transcript"}},
			"finance": {ID: "finance", Series: queue.Series{Prefix: "B", Width: 3, First: 1, Limit: 999, Over: queue.Refuse}, Policy: queue.Strict,
				MaxPassed: 10, Missed: missed, Items: []string{"reimbursement"}},
			"cards": {ID: "cards", Series: queue.Series{Prefix: "C", Width: 3, First: 1, Limit: 999, Over: queue.Refuse}, Policy: queue.Strict,
				MaxPassed: 10, Missed: missed, Items: []string{"new-card"}},
		},
		Counters: map[queue.CounterID]queue.Counter{
			"c1": {ID: "c1", Depts: []queue.DeptID{"study"}, Provides: []string{"low-desk"}},
			"c2": {ID: "c2", Depts: []queue.DeptID{"study", "cards"}},
			"c3": {ID: "c3", Depts: []queue.DeptID{"finance"}},
			"c4": {ID: "c4", Depts: []queue.DeptID{"cards"}},
		},
		Officers:  map[queue.OfficerID]bool{"officer-1": true, "officer-2": true, "officer-3": true, "officer-4": true},
		RatingFor: 2 * time.Minute, RatingMin: 10 * time.Second,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
}

func TestRulesOfShares(t *testing.T) {
	c := &config.Centre{
		Classes: []config.Class{{ID: "priority"}, {ID: "normal"}},
		Departments: []config.Department{{
			ID: "law", Prefix: "L", Series: config.Series{Width: 2, First: 10, Limit: 20, AtLimit: config.AtLimitWiden},
			Order: config.Order{Policy: config.PolicyRatio, Ratio: []int{2, 3}, MaxPassed: 4},
		}},
	}
	want := queue.Department{
		ID: "law", Series: queue.Series{Prefix: "L", Width: 2, First: 10, Limit: 20, Over: queue.Widen},
		Policy: queue.Ratio, Shares: map[string]int{"priority": 2, "normal": 3}, MaxPassed: 4,
	}
	if d := cmp.Diff(want, Rules(c).Departments["law"]); d != "" {
		t.Error(d)
	}
}
