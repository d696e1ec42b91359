//go:build !mosquitto

package main

// otherBrokers are none in a build without Mosquitto.
func otherBrokers() []kind { return nil }
