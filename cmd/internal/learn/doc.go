// Package learn is a watcher of a running machine that enforces nothing: it gathers which
// conversations there are, from copies of first packets, sockets and the kernel's connection
// tracking, into a record that a policy can be made of.
package learn
