package flow

import (
	"time"

	"quhao/internal/proto"
)

// rating is the invitation to rate one visit.
type rating struct {
	tok   string
	until time.Duration
	given bool
}

// invite takes what a state says of the rating. The unit counts down itself, from when it heard of the token;
// a later word can shorten that, never lengthen it.
func (u *Unit) invite(c *counter, r *proto.RatingState) {
	if r == nil || r.Tok == "" {
		c.rating = rating{}
		return
	}
	until := u.now.Up + min(ratingMost, time.Duration(min(max(r.For, 0), int(ratingMost/time.Second)))*time.Second)
	if c.rating.tok == r.Tok {
		c.rating.until = min(c.rating.until, until)
		return
	}
	given := u.journaled(func(f proto.Fact) bool { return f.K == proto.FactRating && f.Tok == r.Tok })
	c.rating = rating{tok: r.Tok, until: until, given: given}
}

// open says whether a score would be taken now.
func (u *Unit) open(c *counter) bool {
	return c.rating.tok != "" && !c.rating.given && u.now.Up < c.rating.until && u.s.Journal().Err() == nil
}

// rate takes a visitor's score, 1 to 5, once. The answer is the same for every score, and comes only when the score is durable.
func (u *Unit) rate(c *counter, score int) {
	if score < 1 || score > 5 || !u.open(c) {
		return
	}
	if !u.add(proto.Fact{K: proto.FactRating, Tok: c.rating.tok, V: score, Counter: c.ID}) {
		c.notify(u.now.Up, textNoRating)
		return
	}
	c.rating.given = true
	c.notify(u.now.Up, textThanks)
}
