//go:build race

package sim

// The race detector makes each run some ten times slower, and there is only one goroutine in a run.
const defaultRuns = 300
