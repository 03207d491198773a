package lifecycle

import (
	"slices"
	"testing"

	"github.com/google/nftables"

	"sgfw/test/harness"
)

// TestForeignFlushOpensNothing has another tool flush the ruleset, as the start
// of most firewall scripts does, and go at our table by name.
func TestForeignFlushOpensNothing(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"drop", "accept"} {
		t.Run("gone "+gone, func(t *testing.T) {
			t.Parallel()
			_, server, g := harness.NewPair(t)
			harness.Enforce(t, server.Host(), harness.GatePolicy("on_failure: { gone: "+gone+" }"))
			lift := g.KeepTrying(t)
			table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
			chain := &nftables.Chain{Table: table, Name: "input"}
			for _, attack := range []struct {
				what string
				do   func(c *nftables.Conn)
			}{
				{"flush ruleset", (*nftables.Conn).FlushRuleset},
				{"delete table inet sgfw", func(c *nftables.Conn) { c.DelTable(table) }},
				{"flush table inet sgfw", func(c *nftables.Conn) { c.FlushTable(table) }},
				{"flush chain inet sgfw input", func(c *nftables.Conn) { c.FlushChain(chain) }},
				{"delete chain inet sgfw input",
					func(c *nftables.Conn) { c.FlushChain(chain); c.DelChain(chain) }},
			} {
				foreignTable(t, server.Host(), 9)
				c := harness.Nft(t, server.Host())
				attack.do(c)
				err := c.Flush()
				if attack.what == "flush ruleset" {
					// It takes what nobody owns.
					if err != nil || len(harness.Ruleset(t, server.Host())) == 0 {
						t.Errorf("%s: %v", attack.what, err)
					}
					if slices.ContainsFunc(harness.Ruleset(t, server.Host()),
						func(s string) bool { return s == "table 1 other flags 0" }) {
						t.Errorf("%s did not happen", attack.what)
					}
				}
				g.Soon(t, attack.what, harness.Filtered)
			}
			lift()
		})
	}
}
