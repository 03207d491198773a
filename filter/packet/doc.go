// Package packet is a parser of IP packets: it turns the bytes of one into the few facts
// that a verdict needs. It is the only header walk of the project. What [Parse] did not
// understand has a [Fault], and a Fault is never a reason to accept.
package packet
