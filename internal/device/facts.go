package device

import (
	"iter"

	"quhao/internal/proto"
)

// HWFirst counts the papers started before the oldest fact that the journal holds.
func (j *Journal) HWFirst() uint64 { return j.c.HWSeq - min(j.papers, j.c.HWSeq) }

// Facts yields what the journal still holds, oldest first, acknowledged facts included: so that a device finds out
// after a restart what it has done already, such as taken the rating of a visit.
func (j *Journal) Facts() iter.Seq[proto.Fact] {
	return func(yield func(proto.Fact) bool) {
		for _, k := range j.facts {
			if !yield(k.fact) {
				return
			}
		}
	}
}
