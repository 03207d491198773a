// Package demo shows what sgfw does, on real packets: it makes two network
// namespaces joined by a link, lets this same program enforce
// examples/web-server.yaml in one of them, tries traffic that must pass and
// traffic that must not, and prints what became of each and why. The namespaces
// have no names and vanish with the process, however it ends.
//
// In namespaces of the same kind a drill provokes failures of the daemon, and prints what was
// promised of each and what happened.
package demo
