package main

import (
	"strings"
	"testing"
)

func TestUnderstood(t *testing.T) {
	for line, good := range map[string]bool{
		"status": true, "status x": false, "day": false, "day open": true, "day close": true, "day close force": true, "day open force": false,
		"day shut": false, "issuing open": false, "issuing open finance": true, "issuing close all": true, "issuing shut finance": false,
		"sign on c1": false, "sign on c1 o": true, "sign off c1": true, "sign off c1 o": false, "return": false, "return A001": true,
		"why": false, "why A001": true, "why A001 A002": false, "replace kiosk-1": false, "replace kiosk-1 x": true,
		"recovery": false, "recovery end": true, "recovery end now": false, "backup": false, "backup x.db": true, "enrolled": true,
		"do kiosk-1": false, "do kiosk-1 test": true, "do kiosk-1 reprint": false, "do kiosk-1 reprint A001": true, "dance": false,
	} {
		if err := understood(strings.Fields(line)); (err == nil) != good {
			t.Errorf("%q: %v", line, err)
		}
	}
	if err := understood([]string{"why", ""}); err == nil {
		t.Error("an empty word passes for a number")
	}
}

// Every command of the usage that goes through the socket is understood in each form that the usage shows.
func TestUsageIsSpoken(t *testing.T) {
	for form := range strings.Lines(spoken) {
		name := strings.Fields(form)[0]
		if name != enrolled && !strings.Contains(usage, "  quhaod "+name+" ") {
			t.Errorf("the usage does not show %q", name)
		}
	}
}
