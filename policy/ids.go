package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// IDs gives the parts of a policy identifiers in the form of AWS's (R7). An ID is a keyed
// hash of what the part is: the same definition always has the same ID, and only the key
// has to be stored. A part that was removed and comes back has its ID again, where AWS
// gives a new one.
//
// An ID has 68 bits. The probability that two rules of the largest policy file share one
// is below 1e-12, and only listings would show it.
//
// The zero value knows no IDs: all are "".
type IDs struct {
	// Seed is the key. Each machine has its own; machines that share one give groups,
	// rules and prefix lists the same IDs.
	Seed [32]byte
	// Place tells the devices of machines, or of network namespaces, from each other that
	// share a seed. It is "" where the seed is the machine's own.
	Place string
}

// IDKind is what an ID begins with, before the dash.
type IDKind string

const (
	GroupID      IDKind = "sg"
	RuleIDKind   IDKind = "sgr"
	PrefixListID IDKind = "pl"
	InterfaceID  IDKind = "eni"
	NetworkACLID IDKind = "acl"
)

// Digits of an ID: new ones have idDigits; AWS still has old ones with idDigitsOld.
const (
	idDigits    = 17
	idDigitsOld = 8
)

// Group returns the ID of the group of that name.
func (k IDs) Group(name string) string { return k.id(GroupID, name) }

// PrefixList returns the ID of the prefix list of that name.
func (k IDs) PrefixList(name string) string { return k.id(PrefixListID, name) }

// NetworkACL returns the ID of the network ACL of that name.
func (k IDs) NetworkACL(name string) string { return k.id(NetworkACLID, name) }

// Interface returns the ID of a device of this machine, by its exact name.
func (k IDs) Interface(device string) string {
	if k.Place == "" {
		return k.id(InterfaceID, "device", device)
	}
	return k.id(InterfaceID, "device", device, k.Place)
}

// Remote returns the ID of an interface on another machine, by its name.
func (k IDs) Remote(name string) string { return k.id(InterfaceID, "peer", name) }

// Rule returns the ID of a rule by its identity (R3): another description, place or
// spelling changes nothing.
func (k IDs) Rule(group string, d Direction, r RuleID) string {
	cidr := ""
	if r.Kind == PeerCIDR {
		cidr = r.CIDR.String()
	}
	return k.id(RuleIDKind, group, d.String(), r.Protocol.String(), fmt.Sprint(r.From),
		fmt.Sprint(r.To), fmt.Sprint(uint8(r.Kind)), cidr, r.Name)
}

// Peer returns the ID of the group or prefix list that a peer names, "" for a CIDR.
func (k IDs) Peer(p Peer) string {
	switch p.Kind {
	case PeerGroup:
		return k.Group(p.Name)
	case PeerPrefixList:
		return k.PrefixList(p.Name)
	}
	return ""
}

// id hashes words, each with its length, so that no other words make the same text.
func (k IDs) id(kind IDKind, words ...string) string {
	if k.Seed == (IDs{}).Seed {
		return ""
	}
	h := hmac.New(sha256.New, k.Seed[:])
	var text []byte
	for _, w := range append([]string{string(kind)}, words...) {
		text = binary.BigEndian.AppendUint32(text, uint32(len(w)))
		text = append(text, w...)
	}
	h.Write(text)
	return string(kind) + "-" + hex.EncodeToString(h.Sum(nil))[:idDigits]
}

// Meant reports whether a text was meant as an ID of the kind rather than a name:
// it begins so.
func (k IDKind) Meant(s string) bool { return strings.HasPrefix(s, string(k)+"-") }

// Check says that a text does not have the shape of an ID of the kind, nil when it
// has. The Problem has no Pos.
func (k IDKind) Check(s string) *Problem {
	digits, ok := strings.CutPrefix(s, string(k)+"-")
	short := len(digits) == idDigitsOld && k != RuleIDKind
	if ok && (len(digits) == idDigits || short) && strings.Trim(digits, "0123456789abcdef") == "" {
		return nil
	}
	return &Problem{
		Code: map[IDKind]Code{
			GroupID: MalformedGroupID, RuleIDKind: MalformedRuleID,
			PrefixListID: MalformedPrefixListID, InterfaceID: MalformedInterfaceID,
			NetworkACLID: MalformedNetworkACLID,
		}[k],
		Message: fmt.Sprintf("%s is no ID", Quote(s)),
		Hint:    fmt.Sprintf("%s- and %d digits of 0-9 and a-f", k, idDigits),
	}
}

// NotFound says that nothing has an ID of the kind, or a name where names are taken.
// The Problem has no Pos.
func (k IDKind) NotFound(s string) *Problem {
	p := map[IDKind]Problem{
		GroupID:      {Code: GroupNotFound, Message: "no group"},
		RuleIDKind:   {Code: RuleNotFound, Message: "no rule"},
		PrefixListID: {Code: PrefixListNotFound, Message: "no prefix list"},
		InterfaceID:  {Code: InterfaceNotFound, Message: "no interface"},
		NetworkACLID: {Code: NetworkACLNotFound, Message: "no network ACL"},
	}[k]
	if k.Meant(s) {
		p.Message += " has the ID " + Quote(s)
	} else {
		p.Message += " is called " + Quote(s)
	}
	return &p
}
