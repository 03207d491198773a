// Package test holds the black-box tests: the sgfw program, enforcing a policy
// in a network namespace, and real packets that must or must not arrive. The
// receiver decides what arrived, never the daemon's own word. Every test sends
// both kinds of traffic, so that a build that accepts everything and one that
// drops everything both fail it.
package test
