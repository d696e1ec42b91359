package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// verdict is what a row says of its target.
type verdict string

// The verdicts. Left says that a row could not be measured here; it is no pass.
const (
	pass  verdict = "PASS"
	fail  verdict = "FAIL"
	noisy verdict = "NOISY"
	left  verdict = "LEFT OUT"
)

// row is one line of the result.
type row struct {
	what, measured, target string
	verdict                verdict
}

// judge gives the verdict of a row whose baseline was times; nil for what does not depend on the machine's noise.
func judge(ok bool, baseline sample) verdict {
	switch {
	case ok:
		return pass
	case baseline.noisy():
		return noisy
	}
	return fail
}

// sample is a number of times of one thing.
type sample []time.Duration

// at is a percentile, p from 0 to 100, by the nearest rank; 0 for an empty sample.
func (s sample) at(p float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	i := int(p/100*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// noisy says that the machine cannot judge: p90 over four times p50.
func (s sample) noisy() bool { return s.at(90) > 4*s.at(50) }

// over is the ratio of two times.
func over(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// short writes a time with three digits at most.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// table writes the rows as a table of Markdown, which is also fit to read in a terminal.
func table(w io.Writer, rows []row) {
	cells := [][4]string{{"what", "measured", "target", ""}}
	for _, r := range rows {
		cells = append(cells, [4]string{r.what, r.measured, r.target, string(r.verdict)})
	}
	for i, c := range cells {
		fmt.Fprintf(w, "| %s |\n", strings.Join(c[:], " | "))
		if i == 0 {
			fmt.Fprintln(w, "|---|---|---|---|")
		}
	}
}
