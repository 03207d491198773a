package live

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// attached is a policy of several groups, of which the interface has some. Each
// opens TCP ports to everybody, and none lets anything out.
func attached(groups string, opens map[string][]int) string {
	var b strings.Builder
	b.WriteString("version: 1\nsecurity_groups:\n")
	for _, name := range []string{"SSH", "Web", "Nothing"} {
		var rules []string
		for _, p := range opens[name] {
			rules = append(rules, harness.Allow("tcp", p))
		}
		fmt.Fprintf(&b, "  - { name: %s, description: One of several, ingress: [%s], egress: [] }\n",
			name, strings.Join(rules, ", "))
	}
	b.WriteString("interfaces:\n  - { device: eth0, security_groups: [" + groups + "] }\n")
	return b.String()
}

// TestGroupsSwapped takes a group off the interface, puts another in its place and
// takes the last one away: what the first let in goes on until it is cut, what is
// new meets the groups that are there, and without any group it does not go
// (T17, R49).
func TestGroupsSwapped(t *testing.T) {
	parity.Proves(t, "T17")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const ssh, web = 22, 443
	opens := map[string][]int{"SSH": {ssh}, "Web": {web}}
	d := harness.Enforce(t, server.Host(), attached("SSH, Web", opens))
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.Reload(attached("SSH, Web", opens))
		logins, pages := harness.Accepting(t, server.Host(), harness.AddrPort(far, ssh)),
			harness.Accepting(t, server.Host(), harness.AddrPort(far, web))
		admin := harness.Connect(t, d, client.Host(), harness.AddrPort(far, ssh), logins)
		browser := harness.Connect(t, d, client.Host(), harness.AddrPort(far, web), pages)
		fresh := func(when string, login, page bool) {
			t.Helper()
			harness.Run(t, []harness.Attempt{
				harness.Expect(harness.PassIf(login),
					harness.Attempt{What: "a new login, " + when,
						Try: func(w time.Duration) bool {
							return reaches(t, client.Host(), harness.AddrPort(far, ssh), w)
						}}),
				harness.Expect(harness.PassIf(page),
					harness.Attempt{What: "a new page, " + when,
						Try: func(w time.Duration) bool {
							return reaches(t, client.Host(), harness.AddrPort(far, web), w)
						}}),
			})
		}
		fresh("both groups", true, true)
		for _, c := range []struct {
			groups      string
			login, page bool
		}{{"Web", false, true}, {"SSH", true, false}, {"Nothing", false, false}, {"Web", false, true}} {
			d.Reload(attached(c.groups, opens), "--force") // which the guard of SSH sessions asks for
			fresh("with "+c.groups, c.login, c.page)
			if !admin.Lives() || !browser.Lives() {
				t.Errorf("with %s: a session was cut", c.groups)
			}
		}
		// What an interface has is replaced as a whole, and never by nothing.
		d.Write(attached("", opens))
		if out := d.Must(t, 3, "reload"); !strings.Contains(out, "no security groups") {
			t.Errorf("without a group: %s", out)
		}
		fresh("after a refusal", false, true)

		d.Must(t, 0, "flows", "revoke", "--orphans")
		if !admin.Cut() {
			t.Error("the login goes on after it was revoked")
		}
		if !browser.Lives() {
			t.Error("a session of a group that is there was cut, too")
		}
	})
}
