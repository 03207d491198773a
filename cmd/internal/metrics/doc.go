// Package metrics shows what the daemon counts to Prometheus: families that are made of the
// status document, and a server for them on a loopback address or a unix socket.
package metrics
