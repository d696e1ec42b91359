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

	// The effects of the moment, decided by display/flow; all zero is a picture that stands still at its usual brightness.

	Off  bool // the dark half of a blink: a display that can go dark does, any other shows the number as if it did not blink
	Step int  // how far the picture has been moved to the left; below zero, to the right; see Scroller
	Dim  int  // brightness in percent of what the driver's options say, 1 to 100; 0 means 100; see Dimmer
}

// dimmed is a brightness 0 to the driver's most, at the percentage of s.
func (s Show) dimmed(light int) int {
	if s.Dim <= 0 || s.Dim >= 100 {
		return light
	}
	return light * s.Dim / 100
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

// Scroller is implemented by displays that can move a picture, a step at a time.
type Scroller interface {
	// Scroll says how many steps bring s from beyond the right edge to its place, and after how many more it stands
	// there again because it has passed through whole: 0 if it fits and has no need to move.
	Scroll(s Show) (in, past int)
}

// Dimmer is implemented by displays whose brightness the host can set.
type Dimmer interface {
	// Dims says whether this display, with its options, follows Show.Dim.
	Dims() bool
}
