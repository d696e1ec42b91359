package evdev

import "testing"

// Every character of printable ASCII is on some key, and digits and A to F are on those that Char knows.
func TestText(t *testing.T) {
	seen := map[byte]bool{}
	for code := range uint16(256) {
		plain, shifted := Text(code, false), Text(code, true)
		if (plain == 0) != (shifted == 0) {
			t.Errorf("key %d: %q and %q", code, plain, shifted)
		}
		seen[plain], seen[shifted] = true, true
		if c := Char(code); c >= '0' && c <= '9' && plain != c || c >= 'A' && shifted != c {
			t.Errorf("key %d is %q for Char, %q and %q as text", code, c, plain, shifted)
		}
		if plain != 0 && (IsEnter(code) || code == KeyShiftL || code == KeyShiftR || code == KeyNumLock || code == KeyEsc) {
			t.Errorf("key %d is %q", code, plain)
		}
	}
	for c := byte(' '); c <= '~'; c++ {
		if !seen[c] {
			t.Errorf("%q is on no key", c)
		}
	}
	if Text(KeyComma, false) != ',' || Text(KeyComma, true) != '<' {
		t.Error("the comma")
	}
}
