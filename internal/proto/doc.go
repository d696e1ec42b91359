// Package proto is the wire between the controller and its devices: topics, messages and their limits.
//
// PROTOCOL.md beside this file is the contract in words; testdata/messages holds each kind of message once,
// and the tests of every side use those files.
package proto
