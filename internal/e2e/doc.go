// Package e2e tries the real programs as a whole: built, started as processes, killed, and their database read afterwards.
// It has no code but tests.
package e2e
