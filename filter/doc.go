// Package filter is a stateful packet filter with AWS's security-group semantics.
//
// [Compile] turns a policy and the current group
// members into a frozen [Ruleset]; [Judge] says what happens to one packet at
// one interface, from the flow that it belongs to or from the rules, and
// changes nothing; an [Engine] owns the flow table and the published ruleset,
// and its [Worker]s call Judge for every packet that the kernel queues and
// apply what it decided. [Explain] asks the same Judge and says why.
//
// A security group is allow-only, has no order, and pools its rules with those
// of the other groups on the interface (R4, D6).
package filter
