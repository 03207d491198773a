// Package nflog is a reader of the copies of packets that the kernel's rules hand to a log
// group (NFLOG). Nothing waits for it: what it does not read in time is lost, and counted.
package nflog
