package flow

import (
	"slices"
	"testing"
	"time"

	"quhao/drivers/keypad"
	"quhao/internal/proto"
)

func rateable(ver proto.Ver, s, tok string, seconds int) proto.CounterState {
	x := st(ver, s)
	x.Rating = &proto.RatingState{Tok: tok, For: seconds}
	return x
}

// The visitor, and who stands near, cannot tell from the unit which score was given.
func TestRatingLooksTheSameForEveryScore(t *testing.T) {
	var first []Action
	for score := 1; score <= 5; score++ {
		b := newBench(t)
		b.connect(1, "s1")
		b.rate(score) // nobody has been asked
		b.state("c03", rateable(5, idle, "tok", 60))
		acts := b.rate(score)
		b.rate(score%5 + 1)
		f := b.facts(proto.FactRating)
		if len(f) != 1 || f[0].Tok != "tok" || f[0].V != score || f[0].Counter != "c03" || f[0].T != b.ms() {
			t.Fatalf("journaled %+v", f)
		}
		if b.text() != "谢谢评价" {
			t.Errorf("shows %q", b.text())
		}
		seen := slices.DeleteFunc(acts, func(a Action) bool { _, ok := a.(Publish); return ok })
		if first == nil {
			first = seen
		}
		if len(seen) == 0 || !slices.Equal(seen, first) {
			t.Errorf("score %d looks different: %v, score 1 %v", score, seen, first)
		}
		b.wait(2 * time.Second)
		if b.text() != "3号窗口" && b.text() != "财务部" {
			t.Errorf("after thanks it shows %q", b.text())
		}
	}
}

func TestRatingTimes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		later []proto.CounterState // 10 s after the invitation for 60 s
		after time.Duration        // since then
		want  int
	}{
		{"in time", nil, 49 * time.Second, 1},
		{"too late", nil, 50 * time.Second, 0},
		{"shortened", []proto.CounterState{rateable(6, serving, "tok", 5)}, 6 * time.Second, 0},
		{"outlives the next call", []proto.CounterState{rateable(6, calling, "tok", 50)}, 6 * time.Second, 1},
		{"never lengthened", []proto.CounterState{rateable(6, idle, "tok", 600)}, 51 * time.Second, 0},
		{"closed by the controller", []proto.CounterState{st(6, idle)}, time.Second, 0},
		{"of the next visit", []proto.CounterState{rateable(6, idle, "tok2", 60)}, 55 * time.Second, 1},
		{"an old state does not open it", []proto.CounterState{st(6, idle), rateable(4, idle, "tok", 60)}, time.Second, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.connect(1, "s1")
			b.state("c03", rateable(5, idle, "tok", 60))
			b.wait(10 * time.Second)
			for _, s := range tc.later {
				b.state("c03", s)
			}
			b.do(PipeDown{}) // the unit counts down itself
			b.wait(tc.after)
			b.rate(3)
			if n := len(b.facts(proto.FactRating)); n != tc.want {
				t.Errorf("%d ratings, want %d", n, tc.want)
			}
		})
	}
}

func TestRatingInvitationEnds(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", rateable(5, idle, "tok", 10))
	if b.text() != "请您评价" || !b.unit.View().Counters[0].Rating {
		t.Fatalf("shows %q", b.text())
	}
	b.wait(10 * time.Second)
	if b.text() == "请您评价" || b.unit.View().Counters[0].Rating {
		t.Error("still invites")
	}
}

func TestOneRatingPerTokenAfterARestart(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", rateable(5, idle, "tok", 60))
	b.rate(5)
	b.start()
	b.connect(1, "s2")
	b.state("c03", rateable(5, idle, "tok", 60)) // the controller has not taken the fact yet
	if b.text() == "请您评价" {
		t.Error("invites to rate a second time")
	}
	b.rate(1)
	if f := b.facts(proto.FactRating); len(f) != 1 || f[0].V != 5 {
		t.Errorf("journaled %+v", f)
	}
}

// What is not durable is not thanked for, and calls go on.
func TestRatingWithBrokenJournal(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", rateable(5, idle, "tok", 60))
	b.disk.fail = errDisk
	b.rate(5)
	if b.text() != "评价暂不可用" || len(b.facts(proto.FactRating)) > 0 {
		t.Errorf("shows %q", b.text())
	}
	b.wait(2 * time.Second)
	if b.text() == "请您评价" {
		t.Error("invites although no score can be kept")
	}
	b.press(keypad.Next)
	if len(b.cmds()) != 1 {
		t.Error("keys do not work any more")
	}
	h := sent[proto.Health](b, proto.UpHealth, b.all)
	if len(h) == 0 || h[len(h)-1].Parts["journal"] != "error" {
		t.Errorf("health: %+v", h)
	}
}

// A new call goes before thanks; that the controller has taken the rating does not.
func TestThanksGiveWayToACall(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", rateable(5, idle, "tok", 60))
	b.rate(4)
	taken := st(6, idle)
	taken.CV = 5
	b.state("c03", taken)
	if b.text() != "谢谢评价" {
		t.Errorf("thanks end with the acknowledgement: %q", b.text())
	}
	b.state("c03", called(b, 7, "A013", "v2"))
	if b.text() != "请A013号办理" || !b.show().Blink {
		t.Errorf("a call waits for thanks: %+v", b.show())
	}
}

func TestPausedInvitesInTurn(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", rateable(5, paused, "tok", 60))
	seen := map[string]bool{b.text(): true}
	b.wait(3 * time.Second)
	seen[b.text()] = true
	if !seen["暂停服务"] || !seen["请您评价"] {
		t.Errorf("shows %v", seen)
	}
}
