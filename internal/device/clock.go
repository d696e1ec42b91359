package device

import "time"

// Now is the time as a device knows it.
type Now struct {
	Up   time.Duration // since the program's start, by a clock that never jumps
	Wall time.Time     // what the device's own clock says; a Pi without network begins in 1970
	Set  bool          // somebody has set that clock since power on
}
