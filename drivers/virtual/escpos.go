package virtual

import "bytes"

// Command is one command of a printer's stream, as the manual names it.
type Command struct {
	Name string // "text", "LF", "ESC a", "GS v", ...; "?" for bytes that are no known command
	Args []byte // what follows the name; for text the bytes of the characters
}

// Unknown says whether the printer would not know the command.
func (c Command) Unknown() bool { return c.Name == "?" }

// ParseESCPOS returns the command at the start of buf and its length; n is 0 if more bytes are needed.
// Lengths are those of Epson's "ESC/POS Application Programming Guide" and, for FS, of the Chinese printers' manuals.
func ParseESCPOS(buf []byte) (n int, c Command) {
	if len(buf) == 0 {
		return 0, Command{}
	}
	switch b := buf[0]; {
	case b == 0x1b:
		return prefixed("ESC ", buf, escLength)
	case b == 0x1c:
		return prefixed("FS ", buf, fsLength)
	case b == 0x1d:
		return prefixed("GS ", buf, gsLength)
	case b == 0x10:
		return prefixed("DLE ", buf, dleLength)
	case b == 0x0a:
		return 1, Command{Name: "LF"}
	case b == 0x0d:
		return 1, Command{Name: "CR"}
	case b < 0x20 || b == 0x7f:
		return 1, Command{Name: "?", Args: buf[:1]}
	}
	end := bytes.IndexFunc(buf, func(r rune) bool { return r < 0x20 || r == 0x7f })
	if end < 0 {
		end = len(buf)
	}
	return end, Command{Name: "text", Args: buf[:end]}
}

// prefixed parses a command of a lead byte and a letter; length returns its whole length, 0 for "more bytes needed",
// -1 for unknown.
func prefixed(lead string, buf []byte, length func([]byte) int) (int, Command) {
	if len(buf) < 2 {
		return 0, Command{}
	}
	n := length(buf)
	switch {
	case n < 0:
		return 2, Command{Name: "?", Args: buf[:2]}
	case n == 0 || n > len(buf):
		return 0, Command{}
	}
	name := lead + string(rune(buf[1]))
	if lead == "DLE " {
		name = map[byte]string{0x04: "DLE EOT", 0x05: "DLE ENQ", 0x14: "DLE DC4"}[buf[1]]
	}
	return n, Command{Name: name, Args: buf[2:n]}
}

func escLength(b []byte) int {
	switch b[1] {
	case '@', '2', 'i', 'm':
		return 2
	case ' ', '!', '-', '3', '=', 'E', 'G', 'J', 'M', 'R', 'V', 'a', 'd', 't', '{':
		return 3
	case '$', '\\', 'c':
		return 4
	case 'p':
		return 5
	case 'D':
		if end := bytes.IndexByte(b[2:], 0); end >= 0 {
			return 3 + end
		}
		return 0
	}
	return -1
}

func fsLength(b []byte) int {
	switch b[1] {
	case '&', '.':
		return 2
	case '!', '-', 'C', 'W':
		return 3
	case 'S':
		return 4
	}
	return -1
}

func gsLength(b []byte) int {
	need := func(n int) bool { return len(b) >= n }
	switch b[1] {
	case '!', 'B', 'H', 'I', 'a', 'b', 'f', 'h', 'r', 'w':
		return 3
	case '$', '\\', 'L', 'P', 'W':
		return 4
	case 'V':
		switch {
		case !need(3):
			return 0
		case b[2] == 65 || b[2] == 66:
			return 4
		}
		return 3
	case 'v':
		switch {
		case !need(8):
			return 0
		case b[2] != '0':
			return -1
		}
		return 8 + little(b[4:])*little(b[6:])
	case '(':
		if !need(5) {
			return 0
		}
		return 5 + little(b[3:])
	}
	return -1
}

func dleLength(b []byte) int {
	switch b[1] {
	case 0x04, 0x05:
		return 3
	case 0x14:
		return 5
	}
	return -1
}

// little reads two bytes, the low one first.
func little(b []byte) int { return int(b[0]) | int(b[1])<<8 }
