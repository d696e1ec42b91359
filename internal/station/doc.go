// Package station is what the programs of kiosks and counter units have in common: who the device is, its data folder,
// its journal, its configuration, the pipe to the controller, and the loop that runs a flow.
//
// It is the part with clocks, files and sockets; what a device does is decided in the flows and in package device.
package station
