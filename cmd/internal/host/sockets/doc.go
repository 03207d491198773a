// Package sockets is the sockets of this network namespace: who listens, who talks to whom,
// and which process it is; and what the kernel's own connection tracking knows beside them.
package sockets
