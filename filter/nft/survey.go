package nft

import "net/netip"

// Survey is what other programs have in the nftables of a namespace, as far as it
// concerns packets before they reach our chains.
type Survey struct {
	// Chains are the base chains at prerouting, input, forward and output.
	Chains     []ForeignChain
	Flowtables []Flowtable
	Published  []PublishedPort
	// Unread are chains whose rules could not be understood.
	Unread []string
}

// ForeignChain is a base chain of somebody else.
type ForeignChain struct {
	Family, Table, Name string
	// Hook is prerouting, input, forward or output.
	Hook     string
	Priority int
	// Drops, Queues and Redirects say what a rule of the chain, or of one that it
	// leads to, may do to a packet: drop or reject it (its policy, too), hand it to
	// an NFQUEUE, or steal it for a local socket (tproxy).
	Drops, Queues, Redirects bool
	// Marks are the bits of a packet's mark that such a rule sets.
	Marks uint32
}

// Before reports whether packets may meet the chain before ours. At equal
// priority the chain that was registered last comes first
// (nf_hook_entries_grow, net/netfilter/core.c).
func (c ForeignChain) Before() bool { return c.Hook == "prerouting" || c.Priority <= Priority }

// Flowtable takes flows over at ingress: their packets then skip the forward hook, and
// so our chains.
type Flowtable struct {
	Family, Table, Name string
	Devices             []string
}

// PublishedPort is a port of this machine whose packets a NAT rule sends elsewhere,
// as container engines publish ports.
type PublishedPort struct {
	// Protocol is "tcp" or "udp".
	Protocol string
	Port     uint16
	// To is the destination behind NAT: what rules of security groups see. Its
	// address is not valid where the packet stays on this machine.
	To netip.AddrPort
	// Table is the family and name of the table that has the rule.
	Table string
}
