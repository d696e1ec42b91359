// Package device is what a kiosk and a counter unit share: the journal of what has happened, and the session with the controller.
//
// Nothing here reads a clock, dials or waits: time comes with each call, messages to send are returned,
// and the journal's disk is an interface of three methods. So the simulator runs this very code.
package device
