// Package links is a watcher of the links and addresses of one network namespace:
// the live facts that the membership of security groups and the mapping from
// interface index to policy interface are made of.
//
// A notification of the kernel is taken as a hint only: the state that is
// handed on always comes from a fresh, complete dump. A lost or reordered
// notification (ENOBUFS on the socket) can therefore never leave a stale view
// behind.
package links
