package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// names are the ids of one sort of thing, to which other parts of the configuration refer.
type names struct {
	what string
	line map[string]Pos
	sure bool // no id of the sort was refused, so that an unknown one is really unknown
}

// unique collects the ids of a list and names every one that stands there twice.
func unique[T any](d *decoder, what string, items []T, id func(*T) *string) names {
	n := names{what: what, line: map[string]Pos{}, sure: true}
	for i := range items {
		p := id(&items[i])
		if !d.ok(&items[i], p) {
			n.sure = false
			continue
		}
		n.add(d, p)
	}
	return n
}

// add takes one id, or names it as a repetition.
func (n names) add(d *decoder, p *string) {
	if first, again := n.line[*p]; again {
		d.at(p, "the %s id %q is taken already, in %s; every id stands once", n.what, *p, nearby(first, d.places[p]))
		return
	}
	n.line[*p] = d.places[p]
}

// nearby names the place of the first of two, by its line alone if it is in the same file.
func nearby(first, second Pos) string {
	if first.File == second.File {
		return fmt.Sprintf("line %d", first.Line)
	}
	return first.String()
}

// refers checks that a field names something that exists.
func (d *decoder) refers(p *string, n names) bool {
	if !d.ok(p) || !n.sure {
		return false
	}
	if _, ok := n.line[*p]; ok {
		return true
	}
	known := slices.Sorted(maps.Keys(n.line))
	hint := didYouMean(*p, known)
	if hint == "" {
		hint = "; known: " + strings.Join(known, ", ")
		if len(known) == 0 {
			hint = "; the centre has none"
		} else if len(known) > 20 {
			hint = fmt.Sprintf("; the centre has %d others", len(known))
		}
	}
	d.at(p, "there is no %s %s%s", n.what, show(*p), hint)
	return false
}

// refersAll checks a list of ids: each exists and stands there once.
func (d *decoder) refersAll(list []string, n names) {
	seen := map[string]bool{}
	for i := range list {
		p := &list[i]
		if d.refers(p, n) && seen[*p] {
			d.at(p, "the %s %q stands in this list twice; remove one", n.what, *p)
		}
		seen[*p] = true
	}
}

// version checks the first line of a file.
func (d *decoder) version(p *int) {
	if d.ok(p) && d.given[p] && *p != 1 {
		d.at(p, "version must be 1, the only version of this format, not %d", *p)
	}
}

// address checks host:port and returns the host.
func (d *decoder) address(p *string, name string) (host string, ok bool) {
	if !d.ok(p) || *p == "" {
		return "", false
	}
	host, port, err := net.SplitHostPort(*p)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || n == 0 || host == "" || strings.ContainsAny(host, " /@") {
		d.at(p, "%s must be a host and a port such as 127.0.0.1:1883, not %s", name, show(*p))
		return "", false
	}
	return host, true
}

// loopback says whether a host never leaves the machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// broker checks where the devices meet the controller.
func (d *decoder) broker(b *Broker) {
	if host, ok := d.address(&b.Listen, "listen"); ok && !loopback(host) {
		d.at(&b.Listen, "listen is not encrypted and must stay on this machine (127.0.0.1, ::1 or localhost), not %s; give other machines the key tls", host)
	}
	d.address(&b.TLS, "tls")
	if b.External == "" || !d.ok(&b.External) {
		return
	}
	u, err := url.Parse(b.External)
	if err != nil || (u.Scheme != "mqtt" && u.Scheme != "mqtts") || u.Hostname() == "" || u.Port() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		d.at(&b.External, "external must be mqtt://host:port or mqtts://host:port, without user or password, not %s", show(b.External))
		return
	}
	if u.Scheme == "mqtt" && !loopback(u.Hostname()) {
		d.at(&b.External, "external leaves this machine without encryption; write mqtts://%s", u.Host)
	}
	if d.given[&b.Listen] || d.given[&b.TLS] {
		d.at(&b.External, "external replaces the embedded broker; remove listen and tls, or remove external")
	}
	b.Listen = ""
}

// status checks the base address of the status pages.
func (d *decoder) status(t *Ticket) {
	if t.QR == "" || !d.ok(&t.QR) {
		return
	}
	u, err := url.Parse(t.QR)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || !strings.HasSuffix(u.Path, "/") || len(t.QR) > 120 {
		d.at(&t.QR, "qr must be a web address of at most 120 characters that ends in a slash, such as https://queue.example.org/t/, not %s", show(t.QR))
	}
}
