package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"quhao/internal/config"
)

// visitor is one person of the demo: what they will do was drawn before the morning begins.
type visitor struct {
	no      int
	arrives time.Duration // after the doors open
	kiosk   int           // at which of the kiosks
	want    config.Key    // the key they will press
	card    uint32        // 0: without a card
	keyFast bool          // presses the key before tapping the card
	twice   bool          // taps again, and gets the same number again
	absent  bool          // goes for a coffee and does not come back
	late    bool          // comes when called again
	parks   bool          // has to fill in a form in between
	walk    time.Duration // from the chairs to the counter
	matter  time.Duration // at the counter
	thinks  time.Duration // before rating
	score   int           // 1 to 5; 0: does not rate
	hurried bool          // the officer calls the next one without a key for done

	// what became of them; guarded by the ledger
	number  string
	hasSat  bool // has the paper and is free to be called
	parked  bool
	settled bool // served, or missed, or gone without a number
}

// cardBase is the number on the first visitor's card.
const cardBase = 20260001

// invent draws the visitors of a morning, in the order of their arrival. The same seed brings the same ones.
func invent(seed uint64, n int, conf *config.Config, kiosks []*config.Device) []*visitor {
	r := rand.New(rand.NewPCG(seed, 2026))
	morning := time.Duration(n) * 25 * time.Second / 40
	all := make([]*visitor, n)
	for i := range all {
		v := &visitor{
			arrives: time.Duration(r.Int64N(int64(morning))), kiosk: r.IntN(len(kiosks)),
			walk: between(r, 200, 600), matter: between(r, 300, 2000), thinks: between(r, 100, 300), hurried: r.IntN(2) == 0,
		}
		keys := kiosks[v.kiosk].Keys
		v.want = keys[i%len(keys)] // as many for each department
		switch rule := conf.Centre.Department(v.want.Department).Card; {
		case rule == config.CardRequired, rule == config.CardOptional && r.IntN(3) > 0:
			v.card = cardBase + uint32(i)
			v.keyFast = rule == config.CardRequired && r.IntN(3) == 0
			v.twice = r.IntN(8) == 0
		}
		if r.IntN(10) < 7 {
			v.score = 1 + min(r.IntN(7), 4) // mostly content
		}
		all[i] = v
	}
	slices.SortFunc(all, func(a, b *visitor) int { return int(a.arrives - b.arrives) })
	for i, v := range all {
		v.no = i + 1
	}
	cast(r, all)
	return all
}

// cast gives some of the visitors a special part. None comes so late that the morning would wait for the part to be played.
func cast(r *rand.Rand, all []*visitor) {
	early := slices.Clone(all[:(2*len(all)+2)/3])
	r.Shuffle(len(early), func(i, j int) { early[i], early[j] = early[j], early[i] })
	parts := []func(*visitor) bool{
		func(v *visitor) bool { v.absent = true; return true },
		func(v *visitor) bool { v.late = true; return true },
		func(v *visitor) bool { v.parks = true; return true },
		func(v *visitor) bool { v.parks = true; return true },
		func(v *visitor) bool { v.twice = v.card != 0; return v.twice },
		func(v *visitor) bool { v.twice = v.card != 0; return v.twice },
	}
	for _, v := range early {
		if len(parts) > 0 && parts[0](v) {
			parts = parts[1:]
		}
	}
}

func between(r *rand.Rand, lo, hi int) time.Duration {
	return time.Duration(lo+r.IntN(hi-lo)) * time.Millisecond
}
