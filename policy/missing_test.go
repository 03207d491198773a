package policy

import (
	"testing"

	"sgfw/test/parity"
)

// TestSince: what was there and is still named is in use; what never was is
// unknown.
func TestSince(t *testing.T) {
	parity.Proves(t, "R46", "R24")
	list := Peer{Kind: PeerPrefixList, Name: "office"}
	before := attachedTo(Group{Name: "web"},
		Group{Name: "app", Ingress: []Rule{rule(TCP, 1, 1, list)}})
	before.PrefixLists = []PrefixList{{Name: "office"}, {Name: "unused"}}
	after := attachedTo(Group{Name: "app", Ingress: []Rule{
		rule(TCP, 1, 1, list),
		rule(TCP, 2, 2, Peer{Kind: PeerGroup, Name: "web"}),
		rule(TCP, 3, 3, Peer{Kind: PeerGroup, Name: "office"}),
		rule(TCP, 4, 4, Peer{Kind: PeerPrefixList, Name: "web"}),
		rule(TCP, 5, 5, Peer{Kind: PeerGroup, Name: "nothing"}),
	}})
	after.Interfaces[0].Groups = []string{"web"}
	problems := Validate(after)
	if got, want := codes(problems),
		"InvalidGroup.NotFound InvalidGroup.NotFound InvalidGroup.NotFound InvalidGroup.NotFound "+
			"InvalidPrefixListID.NotFound InvalidPrefixListID.NotFound"; got != want {
		t.Fatalf("codes %s, want %s", got, want)
	}
	var used, others int
	for _, p := range problems.Since(before) {
		switch {
		case p.Code == DependencyViolation && (p.Missing == "web" || p.Missing == "office"):
			used++
		case p.Code == GroupNotFound && (p.Missing == "office" || p.Missing == "nothing"):
			others++
		case p.Code == PrefixListNotFound && p.Missing == "web":
			others++
		default:
			t.Errorf("%s %v", p.Code, p)
		}
	}
	if used != 3 || others != 3 {
		t.Errorf("%d are in use and %d unknown, want 3 and 3", used, others)
	}
	if problems[0].Code == DependencyViolation {
		t.Error("the receiver changed")
	}
}

// TestGroupsThatCanGo: a group that nothing has and nobody else names is as
// easily left out as it was written, its own rules included (R47).
func TestGroupsThatCanGo(t *testing.T) {
	parity.Proves(t, "R47")
	self := Peer{Kind: PeerGroup, Name: "cluster", Self: true}
	before := attachedTo(Group{Name: "web"},
		Group{Name: "cluster", Ingress: []Rule{rule(TCP, 1, 1, self)}})
	before.Interfaces = before.Interfaces[:1]
	if err := Validate(before).Err(); err != nil {
		t.Fatal(err)
	}
	after := attachedTo(Group{Name: "web"})
	if problems := Validate(after).Since(before); len(problems) > 0 {
		t.Errorf("the group cannot go: %v", problems)
	}
	after.Groups[0].Ingress = []Rule{rule(TCP, 1, 1, Peer{Kind: PeerGroup, Name: "cluster"})}
	if got := codes(Validate(after).Since(before)); got != "DependencyViolation" {
		t.Errorf("a group that another names: %q", got)
	}
}
