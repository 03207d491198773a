package nftables

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"sgfw/policy"
)

// hostile are texts that try to leave a comment or a string.
var hostile = []string{
	"80 ports", "a\nflush ruleset", "a\r\nflush ruleset", "a\u2028flush ruleset", "a\u0085b", `a\`,
	`a"; flush ruleset; "`, "a }\n}\nflush ruleset\n#", "a;b", "{", "}", "#", "$x", "@x", "*", "'",
	"ä→", "\x00", "include \"/etc/passwd\"", strings.Repeat("long", 80), "ingress", "from", "drop",
}

// named is a policy in which everything that can has the name.
func named(name, device string) *policy.Policy {
	from := func(p policy.Peer) policy.Rule {
		return policy.Rule{Protocol: policy.TCP, From: 22, To: 22, Peer: p, Description: name}
	}
	return &policy.Policy{
		Settings: policy.DefaultSettings,
		PrefixLists: []policy.PrefixList{{Name: name, Entries: []policy.PrefixEntry{
			{CIDR: netip.MustParsePrefix("192.0.2.0/24"), Description: name}}}},
		Groups: []policy.Group{{Name: name, Description: name, Ingress: []policy.Rule{
			from(policy.Peer{Kind: policy.PeerPrefixList, Name: name}),
			from(policy.Peer{Kind: policy.PeerGroup, Name: name})}}},
		Interfaces: []policy.Interface{{Device: device, Mode: policy.ModeGuest, SourceDestCheck: true,
			Groups: []string{name}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.9")},
			Timeouts: policy.DefaultTimeouts}},
	}
}

var (
	comment = regexp.MustCompile(`(?m)^\s*#.*\n`)
	ours    = regexp.MustCompile(`\b(list|members|own|ingress|egress)_[A-Za-z0-9_]+`)
)

// skeleton is a ruleset without comments and what sets and chains are called.
func skeleton(ruleset []byte) string {
	return ours.ReplaceAllString(comment.ReplaceAllString(string(ruleset), ""), "$1")
}

// TestExportHostileNames: whatever things are called, the ruleset is the one of tame names.
func TestExportHostileNames(t *testing.T) {
	tame, _ := Export(named("tame", "eth0"))
	for _, name := range hostile {
		out, problems := Export(named(name, "eth0"))
		if out == nil {
			t.Fatalf("%q: %v", name, problems)
		}
		if got, want := skeleton(out), skeleton(tame); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", name, got, want)
		}
		for line := range strings.Lines(string(out)) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"),
				func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
				t.Errorf("%q: the line %q", name, line)
			}
		}
		loads(t, name, out)
	}
}

// TestExportNamesApart: groups and lists whose names differ in what nft does not take keep
// sets and chains of their own.
func TestExportNamesApart(t *testing.T) {
	p := named("a b", "eth0")
	for i, name := range []string{"a-b", "a_b", "a b_2", "ä b"} {
		o := named(name, fmt.Sprint("eth", i+1))
		o.PrefixLists[0].Entries[0].CIDR = netip.MustParsePrefix(fmt.Sprintf("198.51.%d.0/24", i))
		p.PrefixLists = append(p.PrefixLists, o.PrefixLists...)
		p.Groups = append(p.Groups, o.Groups...)
		p.Interfaces = append(p.Interfaces, o.Interfaces...)
	}
	out, problems := Export(p)
	if out == nil {
		t.Fatal(problems)
	}
	for _, kind := range []string{"set", "chain"} {
		seen := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^\t`+kind+` (\S+) `).FindAllStringSubmatch(string(out),
			-1) {
			if seen[m[1]] {
				t.Errorf("%s %s is there twice", kind, m[1])
			}
			seen[m[1]] = true
		}
		if len(seen) < 10 {
			t.Errorf("%d of kind %s", len(seen), kind)
		}
	}
	loads(t, "names", out)
}

// TestExportDevices: names of devices are taken as they are, or refused where nft has no word
// for them.
func TestExportDevices(t *testing.T) {
	for device, want := range map[string]string{
		`a\b`: `iifname "a\b" `, `a$x;{}#'`: `iifname "a$x;{}#'" `, "@x": `iifname "@x" `,
		"123456789012345": `"123456789012345" `, "123456789012345*": `"123456789012345" `,
		"12345678901234*": `"12345678901234*" `, "*": "\t\tgoto egress_web", `a\`: `iifname "a\" `,
		`a"b`: "quotation mark", `a\*`: "takes for a star", "enp0s31f6-and-an-altname": "altname",
		`"*`: "quotation mark",
	} {
		if bad := policy.CheckDevice(device); bad != nil {
			t.Fatal(device, bad)
		}
		out, problems := Export(named("web", device))
		if said := string(out) + problems.Error(); !strings.Contains(said, want) ||
			(out == nil) == strings.ContainsAny(want, "\"\t") {
			t.Errorf("%s: %s\nwant %s", device, said, want)
		}
		if out != nil {
			loads(t, device, out)
		}
	}
}

// loads fails if nft does not take a ruleset, where there is nft.
func loads(t *testing.T, what string, ruleset []byte) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil || os.Getuid() != 0 {
		return // TestExportLoads says so
	}
	c := exec.Command("unshare", "-n", "nft", "-f", "-")
	c.Stdin = bytes.NewReader(ruleset)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%q: %v\n%s\n%s", what, err, out, ruleset)
	}
}
