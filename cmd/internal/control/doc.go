// Package control is the unix socket of the daemon: its server and its client.
// They speak HTTP with JSON bodies, the documents of package api.
//
// The socket's file mode says who may look: root, and a group if the daemon was
// given one. Only root, or the daemon's own user, may change anything: the
// kernel tells who is at the other end.
package control
