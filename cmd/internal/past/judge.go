package past

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
)

const (
	// listed is how many connections of a kind are listed.
	listed = 20
	// maxKinds bounds the connections that are told apart.
	maxKinds = 65536
)

// key is what equal tries have in common.
type key struct {
	device     string
	direction  conntrack.Direction
	protocol   uint8
	peer       netip.Addr
	service    uint16 // port, or type and code of ICMP
	kind       packet.Kind
	admittance bool
}

// tries are equal tries.
type tries struct {
	count  uint64
	last   conntrack.Time
	reason string
}

// Under says which connections of what is remembered fare otherwise under the ruleset next than
// under the one in force, whatever was decided then. Both are of the same Compiler as those
// that decided, or of a fork. Drops that begin nothing are no tries of a connection, and left
// out. Wall tells when a moment of the engine's clock was, and now is that of the call. It is
// nil as long as nothing is remembered.
func (r *Ring) Under(inForce, next *filter.Ruleset, now time.Time,
	wall func(conntrack.Time) time.Time) *api.Past {
	if r.empty() {
		return nil
	}
	before, after, kinds := inForce.Hindsight(), next.Hindsight(), make(map[key]*tries)
	out := api.Past{Refused: api.PastConnections{List: []api.PastConnection{}},
		Admitted: api.PastConnections{List: []api.PastConnection{}}}
	oldest := conntrack.Time(-1)
	out.Packets, out.Lost = r.each(func(rec *filter.Record) {
		if oldest < 0 || rec.Time < oldest {
			oldest = rec.Time
		}
		if !rec.Verdict.Accept() && !rec.Begins() {
			return
		}
		passed, _ := fares(before, rec)
		passes, reason := fares(after, rec)
		if passes == passed {
			return
		}
		n := uint64(max(rec.Count, 1))
		if passes {
			out.Admitted.Count += n
		} else {
			out.Refused.Count += n
		}
		k := keyOf(rec, passes)
		t := kinds[k]
		if t == nil {
			if len(kinds) == maxKinds {
				return
			}
			t = new(tries)
			kinds[k] = t
		}
		t.count += n
		t.last, t.reason = max(t.last, rec.Time), reason
	})
	out.Since = wall(oldest).UTC()
	out.Seconds = int64(max(0, now.Sub(out.Since)) / time.Second)
	for k, t := range kinds {
		to := &out.Refused
		if k.admittance {
			to = &out.Admitted
		}
		to.List = append(to.List, connectionOf(&k, t, wall))
	}
	for _, c := range []*api.PastConnections{&out.Refused, &out.Admitted} {
		slices.SortFunc(c.List, func(a, b api.PastConnection) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last),
				cmp.Compare(a.Peer, b.Peer))
		})
		c.List = slices.Clip(c.List[:min(len(c.List), listed)])
	}
	return &out
}

// fares tells whether a packet and the answer to it pass, and why.
func fares(h *filter.Hindsight, rec *filter.Record) (passes bool, reason string) {
	v, managed := h.Judge(rec)
	switch {
	case !managed:
		return true, api.ReasonNotManaged
	case v.Direction != rec.Verdict.Direction:
		return v.Accept(), v.Reason.String() + ", of the answer"
	}
	return v.Accept(), v.Reason.String()
}

func keyOf(rec *filter.Record, passes bool) key {
	k := key{device: rec.Device, direction: rec.Verdict.Direction, protocol: rec.Tuple.Proto(),
		peer: rec.Tuple.Remote.Netip(), kind: rec.Kind, admittance: passes}
	switch {
	case rec.Kind == packet.KindICMP || rec.Kind == packet.KindICMPv6:
		k.service = uint16(rec.ICMPType)<<8 | uint16(rec.ICMPCode)
	case k.direction == conntrack.Egress:
		k.service = rec.Tuple.RemotePort
	default:
		k.service = rec.Tuple.LocalPort
	}
	return k
}

func connectionOf(k *key, t *tries, wall func(conntrack.Time) time.Time) api.PastConnection {
	c := api.PastConnection{Interface: k.device, Direction: k.direction.String(),
		Protocol: policy.Protocol(k.protocol).String(), Peer: k.peer.String(), Count: t.count,
		Last: wall(t.last).UTC(), Reason: t.reason}
	switch k.kind {
	case packet.KindTCP, packet.KindUDP:
		c.Port = &k.service
	case packet.KindICMP, packet.KindICMPv6:
		kind, code := uint8(k.service>>8), uint8(k.service)
		c.Type, c.Code = &kind, &code
	}
	return c
}
