package led

// Cells returns how many full-width cells s takes: a character of ASCII is half a cell, every other a whole one;
// a half cell left over counts as a whole.
func Cells(s string) int {
	halves := 0
	for _, r := range s {
		halves++
		if r > 0x7f {
			halves++
		}
	}
	return (halves + 1) / 2
}
