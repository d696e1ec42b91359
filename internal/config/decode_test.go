package config

import (
	"errors"
	"strings"
	"testing"
)

// even is a value that reads its own text, as a driver's option may.
type even string

func (e *even) UnmarshalText(text []byte) error {
	if len(text)%2 != 0 {
		return errors.New("an even number of letters is wanted")
	}
	*e = even(text)
	return nil
}

// shared stands in a driver's options with yaml:",inline".
type shared struct {
	Gap uint8 `yaml:"gap"`
}

// options is as a driver could declare them, with kinds that the centre's own fields do not use.
type options struct {
	Inner  shared  `yaml:",inline"`
	Ratio  float64 `yaml:"ratio"`
	Sign   even    `yaml:"sign"`
	Plain  string
	Hidden chan int `yaml:"-"`
	Odd    chan int `yaml:"odd"`
}

func TestDecodeKinds(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"gap: 255\nratio: -0.5\nsign: abcd\nplain: x\n", ""},
		{"gap: 256\n", "o:1:6: gap must be a whole number from 0 to 2147483647 that fits its field, not 256"},
		{"gap: -1\n", "o:1:6: gap must be a whole number from 0 to 2147483647 that fits its field, not -1"},
		{"gap: -007\n", "o:1:6: gap must not begin with a zero: some readers take -007 for octal; write -7"},
		{"gap: 00\n", "o:1:6: gap must not begin with a zero: some readers take 00 for octal; write 0"},
		{"gap: '1'\n", `o:1:6: gap must be a whole number without quotes, not "1"`},
		{"ratio: 1e3\n", `o:1:8: ratio must be a number such as 0.5, not "1e3"`},
		{"ratio: .nan\n", `o:1:8: ratio must be a number such as 0.5, not ".nan"`},
		{"sign: abc\n", "o:1:7: sign: an even number of letters is wanted"},
		{"plain: true\n", `o:1:8: plain must be text, but YAML reads true as yes or no; write it in quotes: "true"`},
		{"plain: 2026-01-01\n", `o:1:8: plain must be text, but YAML reads 2026-01-01 as a date; write it in quotes: "2026-01-01"`},
		{"plain: \"a\\nb\"\n", "o:1:8: plain must be a single line"},
		{"plain: " + strings.Repeat("长", 201) + "\n", "o:1:8: plain must have 1 to 200 characters, not 201"},
		{"odd: 1\n", "o:1:6: odd cannot be set in a file"},
		{"hidden: 1\n", `o:1:1: unknown key "hidden"; allowed here: gap, odd, plain, ratio, sign`},
	} {
		var mistakes Mistakes
		var o options
		newDecoder(&mistakes).root(parse("o", []byte(c.in), &mistakes), &o)
		if got := mistakes.Error(); got != c.want {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
		if c.want == "" && (o.Inner.Gap != 255 || o.Ratio != -0.5 || o.Sign != "abcd" || o.Plain != "x") {
			t.Errorf("%q was read as %+v", c.in, o)
		}
	}
}

func TestBounds(t *testing.T) {
	deep := "version: " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "\n"
	if _, mistakes := ParseCentre("deep", []byte(deep)); !strings.Contains(mistakes.Error(), "nested more than 20 levels deep") {
		t.Errorf("deep nesting: %v", mistakes)
	}
	large := make([]byte, maxFile+1)
	if _, mistakes := ParseCentre("large", large); len(mistakes) != 1 || !strings.Contains(mistakes.Error(), "at most 1048576 are read") {
		t.Errorf("a large file: %v", mistakes)
	}
}

// TestCardNumberStaysUnsaid writes a card's number where its hash belongs: no mistake may repeat it.
func TestCardNumberStaysUnsaid(t *testing.T) {
	for _, number := range []string{"0008844356", `"0008844356"`, "1000884435"} {
		_, mistakes := ParseCentre("c", []byte("version: 1\nofficers:\n  - id: a\n    card: "+number+"\n"))
		if text := mistakes.Error(); strings.Contains(text, "00088443") || !strings.Contains(text, "c:4:11: card must be the SHA-256") {
			t.Errorf("card: %s: %s", number, text)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"counters", "prefix", "id", "card"}
	for _, c := range []struct{ word, want string }{
		{"countres", "counters"}, {"prefx", "prefix"}, {"prefixx", "prefix"}, {"ID", ""}, {"di", "id"}, {"colour", ""}, {"", ""},
		{strings.Repeat("c", 100), ""},
	} {
		if got, _ := nearest(c.word, words); got != c.want {
			t.Errorf("nearest to %q is %q, want %q", c.word, got, c.want)
		}
	}
}
