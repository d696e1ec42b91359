//go:build !race

package sim

const defaultRuns = 50_000
