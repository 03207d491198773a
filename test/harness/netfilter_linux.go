package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"

	"sgfw/test/netlab"
)

// Nft is a connection to nftables inside a host, that of another tool as far as
// the program under test is concerned.
func Nft(t testing.TB, h *netlab.Host) *nftables.Conn {
	t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(h.NetNS()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Ruleset lists everything that nftables holds in a host.
func Ruleset(t testing.TB, h *netlab.Host) (out []string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := Nft(t, h)
	tables, err := c.ListTables()
	must(err)
	chains, err := c.ListChains()
	must(err)
	for _, table := range tables {
		name := fmt.Sprintf("table %d %s", table.Family, table.Name)
		out = append(out, fmt.Sprintf("%s flags %d", name, table.Flags))
		for _, chain := range chains {
			if chain.Table.Name != table.Name || chain.Table.Family != table.Family {
				continue
			}
			head := fmt.Sprintf("%s chain %s", name, chain.Name)
			if chain.Hooknum != nil {
				head += fmt.Sprintf(" type %s hook %d priority %d policy %d", chain.Type, *chain.Hooknum,
					*chain.Priority, *chain.Policy)
			}
			out = append(out, head)
			rules, err := c.GetRules(table, chain)
			must(err)
			for _, r := range rules {
				line := fmt.Sprintf("%s rule %d", head, r.Handle)
				for _, e := range r.Exprs {
					// JSON follows the pointers.
					b, err := json.Marshal(e)
					must(err)
					line += fmt.Sprintf(" %T%s", e, b)
				}
				out = append(out, line)
			}
		}
		sets, err := c.GetSets(table)
		must(err)
		for _, set := range sets {
			if set.Dynamic { // packets fill it
				out = append(out, fmt.Sprintf("%s dynamic set %s", name, set.Name))
				continue
			}
			elements, err := c.GetSetElements(set)
			must(err)
			out = append(out, fmt.Sprintf("%s set %s %v", name, set.Name, elements))
		}
		objects, err := c.GetNamedObjects(table)
		must(err)
		for _, o := range objects {
			// Without its content: counters count.
			if o, ok := o.(*nftables.NamedObj); ok {
				out = append(out, fmt.Sprintf("%s object %s type %d", name, o.Name, o.Type))
			}
		}
	}
	return out
}

// Queues lists the queues that somebody has bound in a host.
func Queues(t testing.TB, h *netlab.Host) []string {
	t.Helper()
	b, err := h.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(b)))
}
