package evdev

// Text returns the character of printable ASCII on a key of the American keyboard, shifted or not; 0 for any other key.
// Codes that are scanned come as such keys, whatever the layout of the country is.
func Text(code uint16, shift bool) byte {
	rows := []struct {
		from           uint16
		plain, shifted string
	}{
		{2, "1234567890-=", "!@#$%^&*()_+"},  // KEY_1 to KEY_EQUAL
		{16, "qwertyuiop[]", "QWERTYUIOP{}"}, // KEY_Q to KEY_RIGHTBRACE
		{30, "asdfghjkl;'`", `ASDFGHJKL:"~`}, // KEY_A to KEY_GRAVE
		{43, `\zxcvbnm,./`, "|ZXCVBNM<>?"},   // KEY_BACKSLASH to KEY_SLASH
		{55, "*", "*"}, {57, " ", " "},       // KEY_KPASTERISK, KEY_SPACE
		{71, "789-456+1230.", "789-456+1230."}, // KEY_KP7 to KEY_KPDOT
		{98, "/", "/"},                         // KEY_KPSLASH
	}
	for _, r := range rows {
		if code < r.from || int(code-r.from) >= len(r.plain) {
			continue
		}
		if shift {
			return r.shifted[code-r.from]
		}
		return r.plain[code-r.from]
	}
	return 0
}
