package policy

import (
	"net/netip"
	"regexp"
	"testing"

	"sgfw/test/parity"
)

// testIDs is some key.
var testIDs = IDs{Seed: [32]byte{1, 2, 3}}

// TestIDShape: IDs look as AWS's do, and those of another machine are others.
func TestIDShape(t *testing.T) {
	parity.Proves(t, "R7")
	web := rule(TCP, 443, 443, anyPeer4)
	seen := make(map[string]bool)
	for _, k := range []IDs{testIDs, {Seed: [32]byte{9}}} {
		for id, kind := range map[string]IDKind{
			k.Group("web"): GroupID, k.Rule("web", Ingress, web.ID()): RuleIDKind,
			k.PrefixList("web"): PrefixListID,
			k.Interface("web"):  InterfaceID, k.Remote("web"): InterfaceID,
		} {
			if !regexp.MustCompile("^"+string(kind)+"-[0-9a-f]{17}$").MatchString(id) || seen[id] {
				t.Errorf("%q is no ID of a %s, or was there before", id, kind)
			}
			seen[id] = true
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d IDs of 10 parts: %v", len(seen), seen)
	}
	if got := (IDs{}).Group("web") + (IDs{}).Rule("web", Ingress, web.ID()); got != "" {
		t.Errorf("IDs without a key: %q", got)
	}
	// What IDs were given is kept by users: the way they are made stays.
	if got, want := testIDs.Group("web"), "sg-9cd949ed006ed06e0"; got != want {
		t.Errorf("the group's ID is %s now, it was %s", got, want)
	}
	if got, want := testIDs.Interface("eth0"), "eni-bc57e4d94016d580d"; got != want {
		t.Errorf("the device's ID is %s now, it was %s", got, want)
	}
}

// TestIDsOfPlaces: machines and namespaces that share a seed give the same definitions the
// same IDs, and never their devices.
func TestIDsOfPlaces(t *testing.T) {
	parity.Proves(t, "R7")
	web := rule(TCP, 443, 443, anyPeer4)
	seen := make(map[string]string)
	for _, place := range []string{"", "a", "b", "device", "a/b"} {
		k := IDs{Seed: testIDs.Seed, Place: place}
		if k.Group("web") != testIDs.Group("web") || k.PrefixList("web") != testIDs.PrefixList("web") ||
			k.Rule("web", Ingress, web.ID()) != testIDs.Rule("web", Ingress, web.ID()) ||
			k.Remote("db-1") != testIDs.Remote("db-1") {
			t.Errorf("%q: what is the same everywhere has another ID", place)
		}
		for _, device := range []string{"eth0", "a", "device"} {
			id := k.Interface(device)
			if other, dup := seen[id]; dup {
				t.Errorf("%s at %q has the ID of %s", device, place, other)
			}
			seen[id] = device + " at " + place
		}
	}
	if id := (IDs{Place: "a"}).Interface("eth0"); id != "" {
		t.Errorf("an ID without a key: %s", id)
	}
}

// TestRuleIdentity: a rule is its direction, protocol, ports and peer within its
// group, and nothing else.
func TestRuleIdentity(t *testing.T) {
	parity.Proves(t, "R3", "R7")
	base := rule(TCP, 443, 443, anyPeer4)
	id := func(group string, d Direction, r Rule) string { return testIDs.Rule(group, d, r.ID()) }
	want := id("web", Ingress, base)
	same := base
	same.Description, same.Index, same.Pos, same.Peer.Pos = "other", 7, Pos{Line: 9}, Pos{Line: 10}
	same.Tags, same.Peer.Described = map[string]string{"a": "b"}, true
	if got := id("web", Ingress, same); got != want {
		t.Errorf("another description, other tags and place: %s, want %s", got, want)
	}
	self := rule(TCP, 443, 443, Peer{Kind: PeerGroup, Name: "web", Self: true})
	byName := self
	byName.Peer.Self = false
	if id("web", Ingress, self) != id("web", Ingress, byName) {
		t.Error("self and the group's own name are two rules")
	}
	all := map[string]string{want: "the rule"}
	for what, got := range map[string]string{
		"another group":       id("app", Ingress, base),
		"the other direction": id("web", Egress, base),
		"another protocol":    id("web", Ingress, rule(UDP, 443, 443, anyPeer4)),
		"another first port":  id("web", Ingress, rule(TCP, 44, 443, anyPeer4)),
		"another last port":   id("web", Ingress, rule(TCP, 443, 444, anyPeer4)),
		"another CIDR": id("web", Ingress,
			rule(TCP, 443, 443, Peer{CIDR: netip.MustParsePrefix("0.0.0.0/1")})),
		"another family": id("web", Ingress, rule(TCP, 443, 443, Peer{CIDR: AnyIPv6})),
		"a group": id("web", Ingress,
			rule(TCP, 443, 443, Peer{Kind: PeerGroup, Name: "x"})),
		"a prefix list of the same name": id("web", Ingress,
			rule(TCP, 443, 443, Peer{Kind: PeerPrefixList, Name: "x"})),
	} {
		if other, dup := all[got]; dup {
			t.Errorf("%s has the ID of %s", what, other)
		}
		all[got] = what
	}
}

// TestIDCheck: what is no ID has a code of its own, for each kind.
func TestIDCheck(t *testing.T) {
	parity.Proves(t, "R7")
	const hex8, hex17 = "0123abcd", "0123456789abcdef0"
	for _, tc := range []struct {
		kind   IDKind
		digits string
		code   Code
	}{
		{GroupID, hex17, ""}, {GroupID, hex8, ""}, {PrefixListID, hex17, ""}, {PrefixListID, hex8, ""},
		{RuleIDKind, hex17, ""}, {InterfaceID, hex17, ""},
		{RuleIDKind, hex8, MalformedRuleID},
		{GroupID, "", MalformedGroupID}, {GroupID, hex17 + "0", MalformedGroupID},
		{GroupID, hex17[1:], MalformedGroupID},
		{GroupID, "0123456789ABCDEF0", MalformedGroupID},
		{GroupID, "0123456789abcdefg", MalformedGroupID}, {GroupID, "web", MalformedGroupID},
		{RuleIDKind, "x", MalformedRuleID}, {PrefixListID, "x", MalformedPrefixListID},
		{InterfaceID, "x", MalformedInterfaceID},
	} {
		s := string(tc.kind) + "-" + tc.digits
		code := Code("")
		if bad := tc.kind.Check(s); bad != nil {
			code = bad.Code
		}
		if code != tc.code || !tc.kind.Meant(s) {
			t.Errorf("%s: %q, want %q", s, code, tc.code)
		}
	}
	for kind, code := range map[IDKind]Code{
		GroupID: GroupNotFound, RuleIDKind: RuleNotFound, PrefixListID: PrefixListNotFound,
		InterfaceID: InterfaceNotFound} {
		if got := kind.NotFound(string(kind) + "-" + hex17); got.Code != code {
			t.Errorf("%s: %q, want %q", kind, got.Code, code)
		}
	}
	if RuleIDKind.Check("sg-"+hex17) == nil || GroupID.Check("sgr-"+hex17) == nil ||
		GroupID.Meant("sgr-"+hex17) {
		t.Error("the ID of a group is that of a rule")
	}
}

// TestDiffNamesIDs: a change has the ID of the rule, or of the part.
func TestDiffNamesIDs(t *testing.T) {
	parity.Proves(t, "R3", "R7", "R40")
	with := func(rules ...Rule) *Policy {
		return &Policy{IDs: testIDs, Settings: DefaultSettings,
			Groups: []Group{{Name: "web", Description: "x", Ingress: rules}}}
	}
	described := rule(TCP, 443, 443, anyPeer4)
	described.Description = "HTTPS"
	https, ssh := rule(TCP, 443, 443, anyPeer4), rule(TCP, 22, 22, anyPeer4)
	for _, tc := range []struct {
		from, to *Policy
		id       string
	}{
		{with(https), with(described), testIDs.Rule("web", Ingress, https.ID())},
		{with(https, ssh), with(https), testIDs.Rule("web", Ingress, ssh.ID())},
		{with(https), with(https, ssh), testIDs.Rule("web", Ingress, ssh.ID())},
		{&Policy{Settings: DefaultSettings}, with(), testIDs.Group("web")},
	} {
		if got := Diff(tc.from, tc.to); len(got) != 1 || got[0].ID != tc.id {
			t.Errorf("%v, want one change with %s", got, tc.id)
		}
	}
}
