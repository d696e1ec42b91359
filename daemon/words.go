package main

import (
	"fmt"
	"slices"
	"strings"
)

// The commands that the running daemon understands, word for word; a word in capitals stands for any.
const (
	wordForce = "force" // behind "day close"
	spoken    = `status
day open
day close
day close force
issuing open DEPARTMENT
issuing close DEPARTMENT
sign on COUNTER OFFICER
sign off COUNTER
return NUMBER
why NUMBER
do DEVICE identify
do DEVICE test
do DEVICE restart
do DEVICE reprint NUMBER
replace DEVICE INSTALLATION
recovery end
backup FILE
enrolled`
)

// understood says what is wrong with the words of a command: one that is missing, too many, or unknown must never pass in
// silence, for something else would be done than was meant.
func understood(words []string) error {
	var near []string
	for form := range strings.Lines(spoken) {
		want := strings.Fields(form)
		if want[0] != words[0] {
			continue
		}
		if fits(want, words) {
			return nil
		}
		near = append(near, strings.Join(want, " "))
	}
	if len(near) == 0 {
		return fmt.Errorf("there is no command %q", words[0])
	}
	return fmt.Errorf("%s: not understood; it is written: %s", strings.Join(words, " "), strings.Join(near, " | "))
}

// fits says whether words have a form.
func fits(form, words []string) bool {
	return slices.EqualFunc(form, words, func(want, have string) bool {
		return want == have || want == strings.ToUpper(want) && have != ""
	})
}

// howWritten is the line of the usage for the command that a complaint begins with, or where to find all of them.
func howWritten(complaint string) string {
	name, _, _ := strings.Cut(complaint, " ")
	for line := range strings.Lines(usage) {
		if strings.HasPrefix(line, "  quhaod "+strings.TrimSuffix(name, ":")+" ") {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return "quhaod help shows all that it can do"
}
