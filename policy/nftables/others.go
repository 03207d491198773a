package nftables

import (
	"cmp"
	"slices"

	"sgfw/policy"
)

// maxHooked bounds the base chains of all tables.
const maxHooked = 100

// others says what of other hooks and families is left out.
func (rs *ruleset) others() {
	list := make([]*chain, 0, len(rs.chains))
	for _, c := range rs.chains {
		if c.hook != "" && c.at.family != "arp" {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *chain) int { return cmp.Compare(a.number, b.number) })
	if len(list) > maxHooked {
		rs.d.Errorf(list[maxHooked].pos, "", "more than %d chains have hooks", maxHooked)
		return
	}
	noted := map[string]bool{}
	for _, c := range list {
		what := ""
		switch {
		case c.hook == "forward":
			what = "the chains of hook forward are left out: these groups are for this machine"
		case c.at.family == "netdev" || c.at.family == "bridge" || c.hook == "ingress" ||
			c.hook == "egress":
			if rs.drops(c) {
				rs.d.Errorf(c.pos, rs.apartFrom(), "chain %s drops packets that the chains for "+
					"IPv4 and IPv6 do not see", c.at)
			}
		case c.kind == "nat" && rs.drops(c):
			rs.d.Errorf(c.pos, "drop in a chain of type filter",
				"chain %s of type nat drops packets", c.at)
		case c.kind == "nat":
			what = "chains of type nat are left out: groups do not translate addresses"
		case c.hook == "prerouting" && c.prio < translation && rs.drops(c) && rs.translated(c):
			rs.d.Errorf(c.pos, "drop in a chain of hook input",
				"chain %s drops packets before their addresses are translated", c.at)
		}
		if what != "" && !noted[what] && (len(c.rules) > 0 || c.drops) {
			noted[what] = true
			rs.d.Lost(c.pos, "leave them in place: sgfw does not touch them", "%s", what)
		}
	}
}

// translated reports whether addresses of packets that a chain sees are translated later.
func (rs *ruleset) translated(c *chain) bool {
	return concerns(c.at.family, policy.IPv4) && rs.translates(policy.IPv4) ||
		concerns(c.at.family, policy.IPv6) && rs.translates(policy.IPv6)
}

// apartFrom says what to do about rules that groups cannot say.
func (rs *ruleset) apartFrom() string {
	return "keep it in a table of its own beside sgfw, and import the others alone, with nft -j " +
		"list table " + rs.filter()
}

// filter is a table that has a chain of hook input, as one gives it to nft: the one whose chain
// decides most.
func (rs *ruleset) filter() string {
	var best *chain
	for _, c := range rs.chains {
		if c.hook != "input" || c.kind != "filter" || c.at.family == "bridge" || c.at.family == "arp" {
			continue
		}
		if best == nil || c.drops && !best.drops ||
			c.drops == best.drops && c.number < best.number {
			best = c
		}
	}
	if best == nil {
		return "inet filter"
	}
	return best.at.of()
}
