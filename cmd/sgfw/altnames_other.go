//go:build !linux

package main

// lastAltnames are none: no daemon runs here.
func lastAltnames(string, string) map[string]uint32 { return nil }
