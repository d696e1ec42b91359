// Package sim is the simulator: it runs the real controller, queue, kiosks and counter units against one another in one
// goroutine, with a virtual clock and a network that loses, repeats, delays and reorders, and with programs that die between
// any two steps. All of it stands in its tests:
//
//	go test ./internal/sim                     50,000 runs; 300 with -race
//	QUHAO_RUNS=200000 go test ./internal/sim   more of them
//	QUHAO_FOR=5m QUHAO_RUNS=1000000 ...        as many of them as take so long
//	QUHAO_FROM=200001 QUHAO_RUNS=200000 ...    the next ones
//	QUHAO_SEED=4711 go test -v ./internal/sim  one run again, with its whole trace
//	QUHAO_PLAN=week go test ./internal/sim     runs with one kind of misfortune (recovery_test.go): restore, week, slow, lose, back, rival, swap
//	QUHAO_MUTANTS=all go test ./internal/sim   and hunt every fault planted into the code (mutant_test.go)
//
// A run is a few minutes of a small hall with faults, then a time without, in which everything has to heal. A run depends
// on its seed alone. Its plan says which great misfortunes it has: long cuts in which kiosks give numbers of their own, a backup
// that takes the place of the log, a kiosk that is dead meanwhile, a disk that is lost or an old copy of itself, a week in which
// journals drop what the backup lacks, another controller on the same broker. Two things are
// kept apart that nobody can put right (limits, internal/proto/PROTOCOL.md): an old copy of a disk that lacks nothing the
// controller has taken, and one together with a restore. A backup is of the same service day as the log.
package sim
