package controller

import "testing"

func TestWhatTheMessagesOfASessionProve(t *testing.T) {
	s := &session{}
	if from, to := s.bounds(1); from != 0 || to != 0 {
		t.Fatalf("nothing was said, and it proves %d to %d", from, to)
	}
	for _, m := range []struct{ papers, event uint64 }{{4, 10}, {4, 12}, {6, 20}, {5, 30}, {6, 40}} {
		s.prove(m.papers, m.event)
	}
	for _, c := range []struct{ paper, from, to uint64 }{{4, 0, 10}, {5, 12, 20}, {6, 12, 20}, {7, 40, 0}} {
		if from, to := s.bounds(c.paper); from != c.from || to != c.to {
			t.Errorf("paper %d was begun between the events %d and %d, want %d and %d", c.paper, from, to, c.from, c.to)
		}
	}
}
