package explain

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/policy"
)

// FoldDrops makes one of the drops of each source, those of which there are most first. Now is
// left out. The time it takes grows with the records.
func FoldDrops(records []api.LogRecord) []api.DropsOfSource {
	type service struct {
		name  string
		count uint64
	}
	type fold struct {
		api.DropsOfSource
		most     uint64
		services []service
		to       map[string]bool
	}
	folds := make(map[string]*fold)
	var order []*fold
	for i := range records {
		r := &records[i]
		if r.Type != api.LogVerdict || r.Verdict != api.VerdictDrop {
			continue
		}
		from, to, name := hostOf(r.From), hostOf(r.To), serviceOf(r)
		key := strings.Join([]string{r.Reason, r.Interface, r.Direction, from}, " ")
		if r.Direction == conntrack.Egress.String() {
			key += " " + name
		}
		count, first := max(r.Count, 1), r.Time
		if r.First != nil {
			first = *r.First
		}
		f := folds[key]
		if f == nil {
			f = &fold{to: make(map[string]bool), DropsOfSource: api.DropsOfSource{First: first,
				Last: r.Time, Reason: r.Reason, Interface: r.Interface, Direction: r.Direction,
				From: from}}
			folds[key] = f
			order = append(order, f)
		}
		f.Count += count
		if first.Before(f.First) {
			f.First = first
		}
		if r.Time.After(f.Last) {
			f.Last = r.Time
		}
		if r.From == "" {
			continue
		}
		if r.Process != nil && (f.Process == nil || r.Time.Equal(f.Last)) {
			f.Process = r.Process
		}
		f.to[to] = true
		at := slices.IndexFunc(f.services, func(s service) bool { return s.name == name })
		if at < 0 {
			at, f.services = len(f.services), append(f.services, service{name: name})
		}
		f.services[at].count += count
		if count > f.most {
			q := QueryOf(r)
			f.most, f.Most = count, &q
		}
	}
	slices.SortStableFunc(order, func(a, b *fold) int { return cmp.Compare(b.Count, a.Count) })
	out := make([]api.DropsOfSource, len(order))
	for i, f := range order {
		slices.SortStableFunc(f.services, func(a, b service) int { return cmp.Compare(b.count, a.count) })
		for _, s := range f.services {
			f.Services = append(f.Services, s.name)
		}
		f.To = len(f.to)
		out[i] = f.DropsOfSource
	}
	return out
}

// QueryOf is the question about the packet of a record, whose headers could be read.
func QueryOf(r *api.LogRecord) api.Query {
	q := api.Query{Interface: r.Interface, Direction: r.Direction, Protocol: r.Protocol, From: r.From,
		To: r.To, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode}
	if proto, bad := policy.ParseProtocol(r.Protocol); bad != nil || proto != policy.TCP {
		return q
	}
	has := func(flag string) bool { return slices.Contains(r.TCPFlags, flag) }
	switch {
	case has("rst"):
		q.Segment = "rst"
	case has("syn") && has("ack"):
		q.Segment = "syn-ack"
	case has("syn"):
		q.Segment = "syn"
	case has("fin"):
		q.Segment = "fin"
	default:
		q.Segment = "ack"
	}
	return q
}

// hostOf is the address of an end of a record.
func hostOf(end string) string {
	if a, err := netip.ParseAddrPort(end); err == nil {
		return a.Addr().String()
	}
	return end
}

// serviceOf is what a packet asks for: "tcp 22", "icmp type 8 code 0". Of a segment that
// belongs to no flow it is the lower port, that of the server.
func serviceOf(r *api.LogRecord) string {
	to, err := netip.ParseAddrPort(r.To)
	from, ferr := netip.ParseAddrPort(r.From)
	switch {
	case r.ICMPType != nil && r.ICMPCode != nil:
		return fmt.Sprintf("%s type %d code %d", r.Protocol, *r.ICMPType, *r.ICMPCode)
	case err != nil:
		return r.Protocol
	case ferr == nil && r.Protocol == "tcp" && from.Port() < to.Port() &&
		!slices.Equal(r.TCPFlags, []string{"syn"}):
		return fmt.Sprintf("%s from port %d", r.Protocol, from.Port())
	}
	return fmt.Sprintf("%s %d", r.Protocol, to.Port())
}
