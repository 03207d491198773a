// Package netlab builds small networks out of Linux network namespaces that are
// written down as data: hosts, veth links, MTUs, IPv4 and IPv6 addresses, routes
// and sysctls. Tests and `sgfw demo` send real packets through them.
//
// A namespace has no name. It lives as long as this process holds its
// descriptor or a process or socket lives inside, so a test that crashes leaves
// nothing behind. A lab is quiet: duplicate address detection, router
// solicitations and redirects are off, and once multicast reports are through
// ([Lab.Settle]) a capture shows what a test sent and nothing else but the
// discovery of neighbours, which a link can do without.
//
// Building a lab needs CAP_SYS_ADMIN and CAP_NET_ADMIN, in practice root, and a
// writable /proc/sys. The package itself knows nothing of the testing package;
// netlab/labtest ties a lab to a test. On other systems than Linux only the
// data types exist.
//
// # What arrived, and who can tell
//
// [Device.Send] puts a packet on the wire through a packet socket: netfilter of
// the sending host never sees it. [Host.Capture] reads a packet socket too and so
// sees packets before netfilter of the receiving host. Behind a router that
// filters, a capture on the far host therefore decides what passed. On a host
// that filters for itself only what lies behind its input hook can decide: an
// ordinary socket, [Host.ListenRaw], or [Host.Counters].
package netlab
