package config

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest text, in characters, where a field does not say otherwise.
const maxText = 200

// scalar decodes a single value by the kind of v.
func (d *decoder) scalar(n *node, v reflect.Value, r rule) {
	field := v.Addr().Interface()
	var why string
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		why = setDuration(n, v, r)
	case v.Kind() == reflect.String:
		why = setText(n, v, r)
	case v.Kind() == reflect.Bool:
		why = setBool(n, v, r)
	case v.CanInt():
		why = setInt(n, v, r)
	case v.CanUint():
		why = setUint(n, v, r)
	case v.CanFloat():
		why = setFloat(n, v, r)
	default:
		why = r.name + " cannot be set in a file"
	}
	if why != "" {
		d.at(field, "%s", why)
	}
}

// setText takes text. A word that YAML reads as something else is refused rather than guessed,
// because 01, 1e3, 2026-01-01 and true would not come back as they were written.
func setText(n *node, v reflect.Value, r rule) string {
	if exact := r.form != "" && formOf(r.form).exact; !exact && !n.quoted && n.tag != "!!str" {
		return fmt.Sprintf("%s must be text, but YAML reads %s as %s; write it in quotes: %q", r.name, n.text, spoken(n.tag), n.text)
	}
	text := n.text
	if len(r.oneof) > 0 && !slices.Contains(r.oneof, text) {
		return fmt.Sprintf("%s must be %s, not %s%s", r.name, either(r.oneof), show(text), didYouMean(text, r.oneof))
	}
	if text == "" {
		return r.name + " must not be empty; write a value, or remove the line"
	}
	if strings.TrimSpace(text) != text && r.rng == "" {
		return fmt.Sprintf("%s must not begin or end with a space: %s", r.name, show(text))
	}
	if c := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co) }); c >= 0 {
		return fmt.Sprintf("%s must not contain invisible or control characters: %s", r.name, show(text))
	}
	least, most, ok := bounds(r.rng)
	if !ok {
		least, most = 1, maxText
		if strings.Contains(text, "\n") {
			return r.name + " must be a single line"
		}
	}
	if got := utf8.RuneCountInString(text); got < least || got > most {
		return fmt.Sprintf("%s must have %s, not %d", r.name, span(least, most, "character", "characters"), got)
	}
	if r.form != "" {
		if f := formOf(r.form); !f.pattern.MatchString(text) {
			if r.form == "card" { // what stands there may be a card's number, which must not reach a log
				return fmt.Sprintf("%s must be %s", r.name, f.means)
			}
			return fmt.Sprintf("%s must be %s, not %s", r.name, f.means, show(text))
		}
	}
	v.SetString(text)
	return ""
}

func setBool(n *node, v reflect.Value, r rule) string {
	if n.quoted || (n.text != "true" && n.text != "false") {
		return fmt.Sprintf("%s must be true or false, without quotes, not %s", r.name, show(n.text))
	}
	v.SetBool(n.text == "true")
	return ""
}

// wholeNumber refuses every spelling of a number that two readers could take for two numbers.
func wholeNumber(n *node, r rule) string {
	digits := strings.TrimPrefix(n.text, "-")
	switch {
	case n.quoted:
		return fmt.Sprintf("%s must be a whole number without quotes, not %q", r.name, n.text)
	case len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789") == "":
		return fmt.Sprintf("%s must not begin with a zero: some readers take %s for octal; write %s", r.name, n.text, cutZeros(n.text))
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return fmt.Sprintf("%s must be a whole number in plain digits, not %s", r.name, show(n.text))
	}
	return ""
}

func cutZeros(text string) string {
	sign, digits := "", text
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, digits = "-", rest
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0"
	}
	return sign + digits
}

func setInt(n *node, v reflect.Value, r rule) string {
	if why := wholeNumber(n, r); why != "" {
		return why
	}
	least, most, ok := bounds(r.rng)
	if !ok {
		least, most = math.MinInt32, math.MaxInt32
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || i < int64(least) || i > int64(most) || v.OverflowInt(i) {
		return fmt.Sprintf("%s must be a whole number from %d to %d, not %s", r.name, least, most, n.text)
	}
	v.SetInt(i)
	return ""
}

func setUint(n *node, v reflect.Value, r rule) string {
	if why := wholeNumber(n, r); why != "" {
		return why
	}
	least, most, ok := bounds(r.rng)
	if !ok {
		least, most = 0, math.MaxInt32
	}
	u, err := strconv.ParseUint(n.text, 10, 31)
	if err != nil || int(u) < least || int(u) > most || v.OverflowUint(u) {
		return fmt.Sprintf("%s must be a whole number from %d to %d that fits its field, not %s", r.name, least, most, n.text)
	}
	v.SetUint(u)
	return ""
}

func setFloat(n *node, v reflect.Value, r rule) string {
	f, err := strconv.ParseFloat(n.text, 64)
	if n.quoted || err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.Trim(n.text, "-.0123456789") != "" {
		return fmt.Sprintf("%s must be a number such as 0.5, not %s", r.name, show(n.text))
	}
	v.SetFloat(f)
	return ""
}

// setDuration takes a number with its unit, such as 20s or 1h30m. A bare number is refused: nobody knows its unit later.
func setDuration(n *node, v reflect.Value, r rule) string {
	if !durationPattern.MatchString(n.text) {
		if n.text != "" && strings.Trim(n.text, "0123456789") == "" {
			return fmt.Sprintf("%s needs a unit: write %ss, %sm or %sh", r.name, cutZeros(n.text), cutZeros(n.text), cutZeros(n.text))
		}
		return fmt.Sprintf("%s must be a time such as 20s, 30m or 1h30m, not %s", r.name, show(n.text))
	}
	t, err := time.ParseDuration(n.text)
	from, to, _ := strings.Cut(r.rng, "..")
	least, err1 := time.ParseDuration(from)
	most, err2 := time.ParseDuration(to)
	if err1 != nil || err2 != nil {
		least, most = 0, 24*time.Hour
		from, to = "0s", "24h"
	}
	if err != nil || t < least || t > most {
		return fmt.Sprintf("%s must be from %s to %s, not %s", r.name, from, to, n.text)
	}
	v.SetInt(int64(t))
	return ""
}

// form is a pattern with its meaning in words.
type form struct {
	pattern *regexp.Regexp
	means   string
	exact   bool // the pattern alone decides, even where YAML takes the characters for a number or a date
}

// The patterns of formOf, compiled once.
var (
	idPattern       = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	devicePattern   = regexp.MustCompile(`^[a-z0-9-]{3,32}$`)
	seriesPattern   = regexp.MustCompile(`^[A-HJ-NP-T]{1,2}$`)
	kioskPattern    = regexp.MustCompile(`^[U-Z]{1,2}$`)
	rootPattern     = regexp.MustCompile(`^[a-z0-9-]+(/[a-z0-9-]+){0,3}$`)
	cardPattern     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	dayPattern      = regexp.MustCompile(`^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`)
	clockPattern    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	durationPattern = regexp.MustCompile(`^((0|[1-9][0-9]{0,6})(ms|s|m|h))+$`)
)

// formOf returns the pattern that tag form:"…" names.
func formOf(name string) form {
	switch name {
	case "id":
		return form{idPattern, "an id: 1 to 32 small letters, digits and hyphens, not beginning or ending with a hyphen", false}
	case "device":
		return form{devicePattern, "a device's id: 3 to 32 small letters, digits and hyphens", false}
	case "series":
		return form{seriesPattern, "one or two capital letters from A to T, without I and O", false}
	case "kiosk":
		return form{kioskPattern, "one or two capital letters from U to Z", false}
	case "root":
		return form{rootPattern, "an MQTT topic root such as quhao or campus/quhao: small letters, digits, hyphens", false}
	case "card":
		return form{cardPattern, `the SHA-256 of "quhao card " and the card's number, as 64 hex digits in small letters (never the number itself)`, true}
	case "day":
		return form{dayPattern, "a month and a day such as 05-01", true}
	case "clock":
		return form{clockPattern, "a time of day from 00:00 to 23:59 such as 08:30", true}
	}
	return form{durationPattern, "a time such as 20s", false}
}

// bounds reads "1..5".
func bounds(text string) (least, most int, ok bool) {
	from, to, found := strings.Cut(text, "..")
	least, err1 := strconv.Atoi(from)
	most, err2 := strconv.Atoi(to)
	return least, most, found && err1 == nil && err2 == nil
}

// span says a count in words.
func span(least, most int, one, many string) string {
	switch {
	case least == most && least == 1:
		return fmt.Sprintf("exactly 1 %s", one)
	case least == most:
		return fmt.Sprintf("exactly %d %s", least, many)
	}
	return fmt.Sprintf("%d to %d %s", least, most, many)
}

// spoken is a YAML tag in words.
func spoken(tag string) string {
	switch tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "yes or no"
	case "!!timestamp":
		return "a date"
	}
	return "something else"
}
