package ticket

import "fmt"

// words is everything a ticket says by itself, in one language. Labels of one language are equally wide.
type words struct {
	ahead, aheadN         string // %d people
	wait                  string
	waitRange             string // %d to %d minutes
	waitAbout, waitAtMost string // %d minutes
	where, taken          string
	reprint               string // %d: which reprint
	offline, scan         string
}

// wordsOf returns the table of a language.
func wordsOf(l Lang) words {
	if l == English {
		return words{
			ahead: "Ahead", aheadN: "%d",
			wait: "Wait ", waitRange: "%d to %d min", waitAbout: "about %d min", waitAtMost: "up to %d min",
			where: "Go to", taken: "Taken",
			reprint: "[Reprint %d]",
			offline: "Taken offline; queued by the time above.",
			scan:    "Live status",
		}
	}
	return words{
		ahead: "前面等候", aheadN: "%d 人",
		wait: "预计等候", waitRange: "%d 至 %d 分钟", waitAbout: "约 %d 分钟", waitAtMost: "%d 分钟以内",
		where: "办理地点", taken: "取号时间",
		reprint: "【补打 第 %d 次】",
		offline: "离线取号，按取号时间排队",
		scan:    "扫码查看排队进度",
	}
}

// interval says the wait in words, or nothing.
func (w words) interval(t Wait) string {
	switch {
	case t.Hi <= 0 || t.Lo > t.Hi:
		return ""
	case t.Lo <= 0:
		return fmt.Sprintf(w.waitAtMost, t.Hi)
	case t.Lo == t.Hi:
		return fmt.Sprintf(w.waitAbout, t.Hi)
	}
	return fmt.Sprintf(w.waitRange, t.Lo, t.Hi)
}
