// Package keep lets the flows of a table outlive the process: a [Writer] writes what has
// changed to a file, again and again, and [Read] takes the file to another process.
//
// The file is made of blocks of 4,096 bytes. The first is the header: what boot, what network
// namespace and what layout the rest is of. Each other one has the flows of one slab of the
// table, or counters. A block has a checksum, and is written by one call as one page, which the
// end of a process does not tear: what is killed while it writes leaves each block as it was
// before or as it is after. Blocks need not be of one moment; of two flows with one tuple the
// younger one counts.
//
// Numbers of scopes and rules mean nothing in another process. So flows have an [ID] of
// each, which the caller makes of its names.
//
// Nothing that is read is trusted. What cannot be a flow, is of another time, or of something
// that is not there any more, is left out and counted by cause, see [Result].
package keep
