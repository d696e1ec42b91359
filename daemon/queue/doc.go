// Package queue holds the rules of the queue: who gets which number, who is called next, what an officer may do.
//
// It is pure. Decide looks at the state, a command and a time, and answers with one event or a refusal;
// Apply changes the state by an event. An event carries all that was decided (number, class, place in the order),
// so a replay needs neither the rules nor a clock, and gives the same state as the live run did.
//
// One command makes one event. All events are numbered without gaps; the number of an event is also the version of
// what it changed, and the order of everything in the centre: two clocks never decide who was first.
//
// # The order of calling
//
// Each ticket has a Place. In one department the next one is, among those that the counter can serve now:
//
//  1. for fifo, the earliest place;
//  2. for strict and ratio, the earliest that has been passed over MaxPassed times by later ones: no counter that could
//     call it passes it over once more;
//  3. otherwise, for strict, the highest class, then the earliest place; for ratio, in rounds, the highest class that has
//     not had its share in this round, then the earliest place.
//
// A counter that serves several departments takes, of their candidates, the one with the earliest place.
// A ticket is passed over without losing its place while it needs something the counter does not provide,
// while it is meant for another counter, and while its holder is being called or served elsewhere.
package queue
