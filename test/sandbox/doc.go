// Package sandbox runs a program as a systemd unit would have it run: with the
// capabilities, system calls, address families and writable directories that
// the unit file grants, and without systemd.
package sandbox
