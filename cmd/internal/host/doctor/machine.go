package doctor

import (
	"net/netip"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Machine is what Examine found. What could not be looked at has an error.
type Machine struct {
	Known

	// Kernel is the kernel's release.
	Kernel string
	// Privileged is true with CAP_NET_ADMIN, without which most is out of reach.
	Privileged bool
	// ModulesLocked is true when no module can be loaded any more.
	ModulesLocked bool
	// Features are what nftables offers.
	Features    nft.Facts
	FeaturesErr error
	// QueueErr is why no queue could be bound for a moment; nil also when a daemon's
	// own queues show that it can be done.
	QueueErr error
	// QueueCT says whether the kernel can send its conntrack state along with a
	// packet: "y", "m", "n", or "" if it does not tell.
	QueueCT string

	// Survey is what others have in nftables, Legacy the legacy iptables tables
	// that are loaded, such as "ip nat".
	Survey    nft.Survey
	SurveyErr error
	Legacy    []string
	// MarkRoutes are rules of policy routing that look at a packet's mark.
	MarkRoutes []MarkRoute
	Queues     []Queue
	QueuesErr  error

	Listeners []Listener
	// Toward is the device through which a published address is reached.
	Toward map[netip.Addr]string
	// Forwarding is by family, IPv4 first.
	Forwarding [2]bool

	// Policy is the one in PolicyFile, nil if there is none or it cannot be read.
	Policy    *policy.Policy
	PolicyErr error
	// Writable says who besides root can change PolicyFile, and by what right.
	Writable source.Writer
}

// Known is what Examine does not find out itself.
type Known struct {
	// Socket is where a daemon was looked for.
	Socket string
	// Network is the network namespace that is looked at; its inode is 0 if it is not known.
	Network api.Namespace
	// Daemon is the status of the one that runs there, nil for none.
	Daemon *api.Status
	// Elsewhere is the status of one that answered from another network namespace.
	Elsewhere *api.Status
	// DaemonErr is why none answered; nil where nobody listens. It is os.ErrPermission
	// where it may not be asked.
	DaemonErr error
	// SilentIn is the network namespace of a daemon that does not answer, if that is another
	// one; nil for this one, or where it is not known.
	SilentIn *api.Namespace
	// Remains is what is there without a daemon.
	Remains api.Remains
	// PolicyFile is what the machine is compared with, "" for nothing.
	PolicyFile string
	// Links are the network devices, and Masters says by name which of them belong
	// to another one.
	Links    []member.Link
	Masters  map[string]member.Master
	LinksErr error
	// BridgeCalls are the settings by which bridged frames go through the IP hooks, too:
	// those of the namespace and of single bridges. Filtering are the bridges of which that
	// is so.
	BridgeCalls, Filtering []string
}

// MarkRoute is a rule of policy routing for packets that have the bits of Mark, of those in Mask.
type MarkRoute struct {
	Priority   int
	Mark, Mask uint32
}

// Queue is a bound NFQUEUE and who holds it.
type Queue struct {
	Number  uint16
	PID     int
	Process string
}

// Listener is a socket that waits for strangers.
type Listener struct {
	Protocol string // "tcp" or "udp"
	Address  netip.AddrPort
	// Process is the name of a process that has it open, "" if /proc does not tell.
	Process string
}
