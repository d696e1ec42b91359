// Package led turns what a counter's display shall show into bytes, one file per display family.
//
// A driver here is an options struct and a translation: it never opens a port, waits or logs.
package led

// Mode is what the display is showing, so that a display without letters can choose a form of its own.
type Mode string

// The modes of a counter display.
const (
	Closed  Mode = "closed"  // 停止办公
	Idle    Mode = "idle"    // 3号窗口 and the department in turn
	Calling Mode = "calling" // 请A012号办理
	Serving Mode = "serving" // 正在办理A012
	Rating  Mode = "rating"  // 请您评价
	Paused  Mode = "paused"  // 暂停服务
	Stale   Mode = "stale"   // 信号中断请稍候: the controller has not been heard for 15 s
)

// Show is one picture of the display: the whole value, never a change.
type Show struct {
	Mode   Mode
	Text   string // at most eight full-width cells (one Chinese character, or two ASCII characters, is a cell); never scrolls while Calling
	Number string // the ticket's number as printed, such as "A012"; empty if none is shown
	Blink  bool   // the number has just been called
}

// Driver is what a display family has to know.
type Driver interface {
	// Encode returns the bytes that make the display show s, whatever it showed before.
	Encode(s Show) []byte
	// Fits says why this display cannot show s, or nil. It is asked before a configuration is accepted.
	Fits(s Show) error
}

// Answerer is implemented by displays that answer: an answer proves that the display is there.
type Answerer interface {
	// Answer looks at the start of buf: n bytes used, ok if they were a valid answer.
	// n == 0 means: not enough yet.
	Answer(buf []byte) (n int, ok bool)
}
