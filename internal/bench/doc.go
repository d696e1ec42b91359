// Command bench measures the real programs against the machine they run on and says which targets they reach.
//
// Each turn of a row measures a baseline and the product one after the other, so that both meet the same noise: the
// baseline is what no design can avoid, an fsync of 4 KiB appended to a file on the same disk and a round trip of
// QoS 1 through the same broker with nothing behind it. A row prints PASS or FAIL, or NOISY where the baseline's own
// p90 is over four times its p50 and the machine cannot judge. A FAIL is printed, it does not fail the build.
package main
