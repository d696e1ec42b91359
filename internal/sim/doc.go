// Package sim is the simulator: it runs the real controller, queue, kiosks and counter units against one another in one
// goroutine, with a virtual clock and a network that loses, repeats, delays and reorders, and with programs that die between
// any two steps. All of it stands in its tests:
//
//	go test ./internal/sim                     5,000 runs; 300 with -race
//	QUHAO_RUNS=200000 go test ./internal/sim   more of them
//	QUHAO_SEED=4711 go test -v ./internal/sim  one run again, with its whole trace
//
// A run is a few minutes of a small hall with faults, then a time without, in which everything has to heal. A run depends
// on its seed alone.
package sim
