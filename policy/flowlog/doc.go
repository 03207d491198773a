// Package flowlog is the format of VPC flow logs: the names of their fields, format strings,
// and records as text (F1 to F6). It knows nothing of files, clocks and packets.
package flowlog
