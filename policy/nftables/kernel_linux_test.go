package nftables

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// TestKernelAgrees: random rulesets are given to the kernel by nft, and imported as nft then
// prints them. Of datagrams that begin flows, in both directions and families, those arrive
// that the imported policy permits, and no others.
func TestKernelAgrees(t *testing.T) {
	k := converttest.NewKernel(t, "nft")
	random := rand.New(rand.NewPCG(3, 4))
	var all converttest.Agreement
	refused := 0
	for range 70 {
		text := randomRuleset(random)
		k.Inside("flush ruleset\n"+text, "nft", "-f", "-")
		json := k.Output("nft", "-j", "list", "ruleset")
		r := Import([]convert.Source{{Name: "ruleset", Data: json}}, convert.Options{})
		if r.Policy == nil {
			if refused++; refused < 6 {
				t.Logf("refused: %v", r.Problems.Err())
			}
			continue // a rest of too many rules, say
		}
		all.Compare(k, r, "nftables", text, conntrack.Ingress, conntrack.Egress)
		if t.Failed() {
			break
		}
	}
	t.Logf("%+v, and %d refused", all, refused)
	if all.Rulesets < 50 || all.Passed < 500 || all.Dropped < 500 {
		t.Error("this shows little")
	}
}

// writer writes random rules for packets of one direction.
type writer struct {
	*rand.Rand
	peer, device string // saddr and iifname, or daddr and oifname
}

func (w *writer) pick(l ...string) string {
	return strings.NewReplacer("PEER", w.peer, "DEV", w.device).Replace(l[w.IntN(len(l))])
}

// rule is a rule as people write them, with one of the verdicts at its end.
func (w *writer) rule(verdicts ...string) string {
	who := w.pick("", "", "", "ip PEER 10.0.0.0/25 ", "ip PEER 10.0.0.128/25 ",
		"ip PEER != 10.0.0.0/26 ", "DEV \"v0\" ", "DEV != \"lo\" ", "DEV \"v*\" ",
		"DEV { \"v0\", \"w1\" } ", "ip PEER @some ", "ip PEER != @some ",
		"ip PEER 10.0.0.70-10.0.0.140 ", "ip PEER { 10.0.0.2, 10.0.0.192/26 } ",
		"ip6 PEER fd00::/120 ", "ip6 PEER != fd00::77 ", "ip6 PEER @six ", "meta nfproto ipv4 ",
		"meta nfproto ipv6 ", "meta protocol ip6 ")
	what := w.pick("", "", "meta l4proto udp ", "udp dport 1000-1004 ", "udp dport { 2000, 3000 } ",
		"udp dport != 2001 ", "tcp dport 1000 ", "udp dport @ports ", "udp dport != @ports ",
		"ct state new ", "meta l4proto != tcp ", "meta l4proto { tcp, udp } th dport 40000 ",
		"meta l4proto . th dport { udp . 1001, tcp . 2000, udp . 2000-2001 } ",
		"ip PEER . udp dport @pairs ", "ip PEER . udp dport { 10.0.0.2 . 1000, 10.0.0.77 . 1001 } ",
		"ip6 PEER . udp dport { fd00::2 . 1000, fd00::77 . 3000 } ", "ip protocol udp ",
		"ip6 nexthdr udp ", "DEV . udp dport { \"v0\" . 1000, \"v0\" . 1005, \"w1\" . 2000 } ",
		"icmp type echo-request ", "meta l4proto tcp ", "counter ")
	twice := strings.HasPrefix(who, w.device) && strings.HasPrefix(what, w.device)
	if a, b := family(who), family(what); twice || a != b && a != "" && b != "" {
		who = "" // nobody asks for a device twice, and nft takes no rules of both families
	}
	return "    " + who + what + w.pick(verdicts...) + "\n"
}

// family is what nft takes a condition to be of, "" for both.
func family(s string) string {
	switch {
	case strings.Contains(s, "ip6") || strings.Contains(s, "ipv6"):
		return "6"
	case strings.HasPrefix(s, "ip ") || strings.Contains(s, "ipv4") || strings.HasPrefix(s, "icmp "):
		return "4"
	}
	return ""
}

// maps are rules that end with a map of verdicts.
func (w *writer) maps() string {
	return "    " + w.pick("udp dport vmap @byport",
		"ip PEER vmap { 10.0.0.2 : drop, 10.0.0.128/26 : jump B }",
		"udp dport vmap { 1000 : accept, 1001-1005 : jump B, 2001 : goto B }",
		"DEV vmap { \"v0\" : jump B, \"w1\" : accept }", "ct state vmap { new : jump B, invalid : drop }",
		"meta l4proto vmap { tcp : drop, udp : goto B }",
		"ip PEER . udp dport vmap { 10.0.0.2 . 1000 : accept, 10.0.0.77 . 1001 : drop, "+
			"10.0.0.200 . 3000 : goto B }") + "\n"
}

// chains are a base chain of a hook and those that it leads to.
func (w *writer) chains(name, hook string, priority int) string {
	verdicts := []string{"accept", "accept", "drop", "return", "reject", "jump A", "jump B", "goto A",
		"goto B", "log", "continue"}
	if hook == "prerouting" || hook == "postrouting" {
		verdicts[4] = "drop" // reject is not for those
	}
	text := fmt.Sprintf("table inet %s {\n  set some { type ipv4_addr; flags interval; elements = { "+
		"10.0.0.64/26, 10.0.0.254 } }\n  set six { type ipv6_addr; elements = { fd00::2, fd00::1:5 } }\n"+
		"  set ports { type inet_service; flags interval; elements = { 1000-1003, 3000 } }\n"+
		"  set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/25 . 1005, "+
		"10.0.0.200 . 2000-2001 } }\n", name)
	text += "  chain B {\n"
	for range w.IntN(3) {
		text += w.rule("accept", "return", "drop")
	}
	text += "  }\n  map byport { type inet_service : verdict; elements = { 1001 : drop, " +
		"2001 : jump B, 3000 : accept } }\n  chain A {\n"
	for range w.IntN(4) {
		text += w.rule("accept", "return", "drop", "jump B", "goto B", "log")
	}
	text += fmt.Sprintf("  }\n  chain base {\n    type filter hook %s priority %d; policy %s;\n"+
		"    ct state established,related accept\n    %s lo accept\n", hook, priority,
		w.pick("drop", "drop", "accept"), strings.TrimSuffix(w.device, "name"))
	for range 1 + w.IntN(6) {
		if w.IntN(4) == 0 {
			text += w.maps()
		} else {
			text += w.rule(verdicts...)
		}
	}
	return text + "  }\n}\n"
}

// randomRuleset is one to three tables for packets that come in, and perhaps some for those
// that go out.
func randomRuleset(r *rand.Rand) string {
	in := writer{r, "saddr", "iifname"}
	out := writer{r, "daddr", "oifname"}
	text := in.chains("one", "input", 0)
	if r.IntN(3) == 0 {
		text += in.chains("two", "input", r.IntN(40)-20)
	}
	if r.IntN(4) == 0 {
		text += in.chains("early", "prerouting", -150)
	}
	if r.IntN(2) == 0 {
		text += out.chains("out", "output", 0)
	}
	if r.IntN(4) == 0 {
		text += out.chains("late", "postrouting", 0)
	}
	return text
}
