package broker

import (
	"strings"
	"unicode/utf8"

	"quhao/internal/proto"
)

// access says what a device may write and read: the rule of the protocol's "Identity and access", written out
// because mochi's own matcher lets a/b match a/b/c and its last wills pass no check at all.
type access struct {
	prefix string // ends with a slash, such as "quhao/1/"
}

// maxTopic bounds a topic or filter in bytes: a device's name, a counter's name and the prefix fit several times over.
const maxTopic = 256

// publish returns the reason why this device may not publish m, or "" if it may. A last will is judged by the same rule.
func (a access) publish(dev string, m proto.Message) Reason {
	kind, ok := a.written(dev, m.Topic)
	switch {
	case !ok:
		return Topic
	case m.QoS > 1:
		return QoS
	case m.Retain && kind != "avail" && kind != "health" && kind != "cfg":
		return Retain
	}
	return ""
}

// written returns what follows dev/<dev>/up/ in a topic that the device may write.
func (a access) written(dev, topic string) (string, bool) {
	rest, ok := a.under(topic, "dev/"+dev+"/up/")
	if !ok || strings.ContainsAny(rest, "+#") {
		return "", false
	}
	return rest, true
}

// read says whether the device may subscribe to filter, or be sent a message with that topic:
// everything the filter can match must lie below dev/<dev>/down/ or state/.
func (a access) read(dev, filter string) bool {
	rest, ok := a.under(filter, "dev/"+dev+"/down/")
	if !ok {
		rest, ok = a.under(filter, "state/")
	}
	return ok && goodFilter(rest)
}

// under returns what follows the prefix and folder in topic, if it is well-formed and not empty.
// No wildcard can hide in the compared part: it is compared byte by byte with text that has none.
func (a access) under(topic, folder string) (string, bool) {
	if len(topic) > maxTopic || !goodText(topic) {
		return "", false
	}
	rest, ok := strings.CutPrefix(topic, a.prefix)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutPrefix(rest, folder)
	return rest, ok && rest != ""
}

// goodFilter says whether wildcards stand alone in their level, and # only in the last (MQTT 3.1.1, 4.7.1).
func goodFilter(filter string) bool {
	for filter != "" {
		level, rest, more := strings.Cut(filter, "/")
		if level == "#" {
			return !more
		}
		if level != "+" && strings.ContainsAny(level, "+#") {
			return false
		}
		filter = rest
	}
	return true
}

// goodText says whether s is UTF-8 without control characters (MQTT 3.1.1, 1.5.3).
func goodText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// goodName says whether s can be the name of a device: [a-z0-9-]{3,32}.
func goodName(s string) bool {
	if len(s) < 3 || len(s) > 32 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// goodPrefix says whether s can be the prefix of all topics: levels of plain text, a slash at the end.
func goodPrefix(s string) bool {
	return len(s) >= 2 && len(s) <= 64 && strings.HasSuffix(s, "/") && goodText(s) &&
		!strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "/") &&
		!strings.Contains(s, "//") && !strings.ContainsAny(s, "+#")
}
