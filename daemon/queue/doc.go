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
//  1. the earliest that has been passed over MaxPassed times by later ones: nobody is passed over more often than that;
//  2. otherwise by the department's policy: fifo, the earliest place; strict, the highest class, then the earliest place;
//     ratio, the classes in turn, each as often as its share, then the earliest place.
//
// A counter that serves several departments takes, of their candidates, the one with the earliest place.
// A ticket is passed over without losing its place while it needs something the counter does not provide,
// while it is meant for another counter, and while its holder is being called or served elsewhere.
package queue
