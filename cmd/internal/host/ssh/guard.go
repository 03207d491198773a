// Package ssh is a guard against policies that lock their own administrators out: it
// finds the SSH sessions that are alive on the machine and asks a ruleset,
// before it is published, whether their clients could still connect.
package ssh

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// ErrLockout is matched by every error of [Check].
var ErrLockout = errors.New("the policy would lock out a live SSH session")

// Session is one live SSH session into this machine.
type Session struct {
	Client, Server netip.AddrPort
	// Devices are those that may carry the session: the one with the server's
	// address and the one that routes to the client.
	Devices []string
	// Toward are those of them that lead to the client.
	Toward []string
}

// Lockout is a session whose client could no longer connect.
type Lockout struct {
	Session Session
	// Device is where the policy refuses the client.
	Device string
	// Explanation is the verdict on a new connection of the client.
	Explanation filter.Explanation
}

// String says who is locked out, where, and which rule came nearest.
func (l Lockout) String() string {
	var b strings.Builder
	var groups []string
	for _, g := range l.Explanation.Groups {
		groups = append(groups, g.Name)
	}
	fmt.Fprintf(&b, "SSH from %s to port %d on %s: ", l.Session.Client.Addr(), l.Session.Server.Port(),
		l.Device)
	if l.Explanation.Verdict.Reason == filter.ReasonSourceDestCheck {
		b.WriteString("the client is no address of the guest there, and source_dest_check is on")
		return b.String()
	}
	if denied, by := l.deniedByACL(); denied {
		b.WriteString(by)
		return b.String()
	}
	fmt.Fprintf(&b, "no %s rule of %s permits it", l.Explanation.Direction, strings.Join(groups, ", "))
	if len(l.Explanation.Misses) > 0 {
		m := l.Explanation.Misses[0]
		index := "default"
		if i := m.Rule.Rule.Index; i >= 0 {
			index = strconv.Itoa(i)
		}
		fmt.Fprintf(&b, "; nearest: %s/%s/%s", m.Rule.Group, m.Rule.Direction, index)
		if pos := m.Rule.Rule.Pos; pos.Line > 0 {
			fmt.Fprintf(&b, " (%s:%d)", pos.File, pos.Line)
		}
		for i, d := range m.Fields {
			sep := ", "
			if i == 0 {
				sep = ": "
			}
			fmt.Fprintf(&b, "%s%s is %s, not %s", sep, d.Field, d.Got, d.Want)
		}
	}
	return b.String()
}

// Cut reports whether the session itself ends, too: a network ACL judges each packet.
func (l Lockout) Cut() bool {
	denied, _ := l.deniedByACL()
	return denied
}

// deniedByACL says which network ACL denies the client's packets, or the answers to them, if
// one does: it is asked about each.
func (l Lockout) deniedByACL() (denied bool, by string) {
	x := &l.Explanation
	switch {
	case x.Verdict.Reason == filter.ReasonNetworkACL:
		return true, fmt.Sprintf("%s rule %s of network ACL %s denies it", x.Direction, place(x.ACLRule),
			x.ACLRule.ACL)
	case x.Verdict.Accept() && x.ReplyACLRule != nil:
		return true, fmt.Sprintf("%s rule %s of network ACL %s denies the answers, which go to port %d; "+
			"allow %[1]s tcp 1024-65535 in front of it", x.Direction.Reverse(), place(x.ReplyACLRule),
			x.ReplyACLRule.ACL, l.Session.Client.Port())
	}
	return false, ""
}

// place is the number of a rule of a network ACL, * for the last one.
func place(r *filter.RuleInfo) string {
	n := policy.ACLRule{Number: r.Number}
	return n.Place()
}

// LockoutError lists all lockouts of a ruleset. It matches [ErrLockout].
type LockoutError struct {
	Lockouts []Lockout
}

// Error lists the lockouts, one on a line, and the way out.
func (e *LockoutError) Error() string {
	var b strings.Builder
	b.WriteString(ErrLockout.Error() + ":")
	for _, l := range e.Lockouts {
		b.WriteString("\n  " + l.String())
	}
	b.WriteString("\n(hint: permit the client, or use --force to enforce the policy all the same)")
	return b.String()
}

// Is makes errors.Is(err, ErrLockout) hold.
func (e *LockoutError) Is(target error) bool { return target == ErrLockout }

// Check asks the ruleset about every session and returns a [LockoutError] if a
// client could not connect anew: by the ingress rules of this machine or, for a
// client that is a guest of it, by the egress rules of the guest. That alone is
// asked, with what network ACLs say of the answers: a permitted segment also keeps a running
// session alive, because it is
// picked up mid-stream (T22), while a session that lives only by
// its flow entry would be the last one.
func Check(rs *filter.Ruleset, sessions []Session) error {
	var out []Lockout
	for _, s := range sessions {
		for _, dev := range s.Devices {
			a := rs.Device(dev)
			if a == nil || !s.crosses(a, dev) {
				continue
			}
			x := filter.Explain(rs, nil, 0, s.packet(a, dev, conntrack.SYN))
			if x.Verdict.Accept() && x.Reply.Reason != filter.ReasonNetworkACL {
				continue
			}
			// Two sessions of one client are one lockout.
			if !slices.ContainsFunc(out, func(l Lockout) bool {
				return l.Device == dev && l.Session.Client.Addr() == s.Client.Addr() &&
					l.Session.Server == s.Server
			}) {
				out = append(out, Lockout{Session: s, Device: dev, Explanation: x})
			}
		}
	}
	if len(out) > 0 {
		return &LockoutError{Lockouts: out}
	}
	return nil
}

// crosses reports whether a session may cross an interface: a guest's device carries
// sessions of that guest only, though this machine's address may be on it.
func (s Session) crosses(a *filter.Attachment, dev string) bool {
	return a.Inward() == conntrack.Ingress || slices.Contains(s.Toward, dev)
}

// packet is a segment of the client at an interface.
func (s Session) packet(
	a *filter.Attachment, dev string, flags conntrack.TCPFlags,
) filter.Query {
	return filter.Query{
		Device: dev, Direction: a.Inward(), Protocol: conntrack.ProtoTCP, Flags: flags,
		Src: s.Client.Addr().WithZone(""), SrcPort: s.Client.Port(),
		Dst: s.Server.Addr().WithZone(""), DstPort: s.Server.Port(),
	}
}

// Living returns the sessions whose next segment the ruleset in force lets pass, by a live
// flow or by its rules, on any device that may carry them. What was revoked, or has lost
// its rule and its flow, is over, though the server's socket does not know that yet: no
// other ruleset locks its client out.
func Living(rs *filter.Ruleset, flows *conntrack.Table, now conntrack.Time,
	sessions []Session) []Session {
	return slices.DeleteFunc(slices.Clone(sessions), func(s Session) bool {
		return !slices.ContainsFunc(s.Devices, func(dev string) bool {
			a := rs.Device(dev)
			// With the view of the wire the rules see other addresses than the socket has,
			// where the session was redirected: it counts.
			return a == nil || a.Interface().View == policy.ViewWire || s.crosses(a, dev) &&
				filter.Explain(rs, flows, now, s.packet(a, dev, conntrack.ACK)).Verdict.Accept()
		})
	})
}

// ParseConnection reads the value of SSH_CONNECTION: client address, client
// port, server address, server port (ssh(1)).
func ParseConnection(s string) (client, server netip.AddrPort, err error) {
	f := strings.Fields(s)
	if len(f) != 4 {
		return client, server, fmt.Errorf("SSH_CONNECTION: %d words, want 4", len(f))
	}
	if client, err = addrPort(f[0], f[1]); err != nil {
		return client, server, fmt.Errorf("SSH_CONNECTION: %w", err)
	}
	if server, err = addrPort(f[2], f[3]); err != nil {
		return client, server, fmt.Errorf("SSH_CONNECTION: %w", err)
	}
	return client, server, nil
}

func addrPort(addr, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q: %w", port, err)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}
