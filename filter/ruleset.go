package filter

import (
	"cmp"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Ruleset is a compiled policy: frozen, safe for concurrent use, complete in
// itself. Made by a [Compiler]; [Ruleset.WithLinks] binds it to the devices
// that exist.
type Ruleset struct {
	generation  uint64
	policy      *policy.Policy
	devices     policy.Devices
	attachments []attachmentTemplate // as policy.Interfaces
	members     *member.Membership
	rules       []RuleInfo // by match.RuleNumber
	scopes      *scopes
	links       links
	present     map[string]*presence // by name and by altname
	exemptions  *exemptions          // nil: none
	// openings are what past comes to hold once the ruleset is in force.
	openings *openings
	past     *pastOpenings
}

// RuleInfo describes a rule in the policy's own terms.
type RuleInfo struct {
	// Group is the rule's, "" for a rule of a network ACL.
	Group string
	// ACL is the rule's network ACL, "" for a rule of a group; Number and Action are its own.
	ACL       string
	Number    int
	Action    policy.ACLAction
	Direction conntrack.Direction
	Rule      policy.Rule
	// Gone is true for a rule that admitted flows under an earlier ruleset and
	// is not part of this one.
	Gone bool
}

// presence is a device that exists.
type presence struct {
	member.Link
	number     string     // its index in words
	broadcasts addressSet // where they matter
}

// Attachment is one device with the groups attached to it: what AWS calls a
// network interface. It belongs to one Ruleset and is immutable.
type Attachment struct {
	// Device is what the policy calls the device: its name, or an altname. Flows and
	// records go by it.
	Device string
	// Scope keeps the flows of this device apart from those of others that do not
	// share it (T26).
	Scope conntrack.Scope
	// at is the device as it is there; of one that does not exist it has the name.
	at *presence
	// exceeded is the device's counter, see Exceeded.
	exceeded *atomic.Uint64
	// lent is what the kernel carries for the device.
	lent *lent
	*attachmentTemplate
	exemptions *exemptions
}

// attachmentTemplate is what devices of one policy interface share.
type attachmentTemplate struct {
	iface    *policy.Interface
	timeouts conntrack.Timeouts
	// remembered are those of untracked flows.
	remembered conntrack.Timeouts
	// carried is how long the kernel carries on with a flow that has proven itself.
	carried time.Duration
	// inward is the direction of what comes in through the device: it enters
	// this machine, or leaves the guest behind the device.
	inward conntrack.Direction
	// wire is true where packets are judged as they are on the wire (X8).
	wire bool
	// own holds the addresses of the source/destination check, nil without one.
	own *ownAddresses
	// open is what leaves flows untracked, nil if all are tracked.
	open *openRules
	// related is true when ICMP errors about live flows pass.
	related bool
	// full is the reason of what rules permit and the table has no room for.
	full Reason
	// acl is the network ACL, nil for none.
	acl *networkACL
	// cut are the failsafes that are switched off.
	cut policy.Set[policy.Failsafe]
	// matchers by direction and family (0: IPv4, 1: IPv6).
	matchers [2][2]*match.Matcher
}

// Interface returns the part of the policy that manages the device.
func (t *attachmentTemplate) Interface() *policy.Interface { return t.iface }

// Inward returns the direction, seen from the protected machine, of packets
// that come in through the device; those that go out through it have the
// reverse: host mode protects this machine, guest mode the one behind the device
// (X6).
func (t *attachmentTemplate) Inward() conntrack.Direction { return t.inward }

// family indexes attachmentTemplate.matchers.
func family(a conntrack.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// Generation counts the rulesets of one Compiler from 1.
func (rs *Ruleset) Generation() uint64 { return rs.generation }

// Policy returns the policy that was compiled.
func (rs *Ruleset) Policy() *policy.Policy { return rs.policy }

// Members returns the members of groups that the policy was compiled with; nil for none.
func (rs *Ruleset) Members() *member.Membership { return rs.members }

// Rule describes a rule. It returns false for NoRule and for ids of a later
// ruleset.
func (rs *Ruleset) Rule(id match.RuleNumber) (RuleInfo, bool) {
	if id == match.NoRule || int(id) >= len(rs.rules) {
		return RuleInfo{}, false
	}
	return rs.rules[id], true
}

// WithLinks returns the same ruleset bound to the devices that exist now. All
// of the machine's devices belong in list: a packet that crosses one that is
// not there is dropped, because nobody knows yet whether it is managed.
func (rs *Ruleset) WithLinks(list []member.Link) *Ruleset {
	return rs.bind(list, rs.attachAt)
}

// bind gives the devices of the list the attachments that find makes for them,
// nil for those that are not managed, and these their scopes.
func (rs *Ruleset) bind(list []member.Link, find func(*presence) *Attachment) *Ruleset {
	bound := *rs
	bound.links, bound.present = links{}, make(map[string]*presence, len(list))
	attachments := make([]*Attachment, len(list))
	var managed []*Attachment
	for i, l := range list {
		at := &presence{Link: l, number: strconv.FormatUint(uint64(l.Index), 10)}
		bound.present[l.Name] = at
		for _, altname := range l.Altnames {
			bound.present[altname] = at
		}
		if a := find(at); a != nil {
			if a.own != nil {
				at.broadcasts = broadcasts(l)
			}
			attachments[i] = a
			managed = append(managed, a)
		}
	}
	rs.scopes.bind(managed)
	for i, l := range list {
		bound.links.add(l.Index, attachments[i])
	}
	return &bound
}

// Keeping is WithLinks for the moment of a reload in which packets of devices
// that rs no longer manages may still wait in the queues: those that old
// manages stay under old's rules, since a queued packet of an unmanaged device
// is dropped. Nor is a device that comes to have the view of the wire left to hooks in which the
// table does not queue it yet.
func (rs *Ruleset) Keeping(old *Ruleset, list []member.Link) *Ruleset {
	return rs.bind(list, func(at *presence) *Attachment {
		was := old.links.find(at.Index).attachment
		if a := rs.attachAt(at); a != nil {
			if a.wire && was != nil && !was.wire {
				// Its packets still come from the hooks of the local view, and nowhere else.
				local := *a.attachmentTemplate
				local.wire, a.attachmentTemplate = false, &local
			}
			return a
		}
		if was != nil {
			kept := *was
			return &kept
		}
		return nil
	})
}

// attach returns the attachment of a device by any of its names, whether it exists or not,
// without its scope and its counter; nil if it is unmanaged.
func (rs *Ruleset) attach(device string) *Attachment {
	if at := rs.present[device]; at != nil {
		return rs.attachAt(at)
	}
	return rs.attachAt(&presence{Link: member.Link{Name: device}})
}

// attachAt is attach for a device that exists.
func (rs *Ruleset) attachAt(at *presence) *Attachment {
	i, ok := rs.devices.Match(at.Name, at.Altnames...)
	if !ok {
		return nil
	}
	t := &rs.attachments[i]
	return &Attachment{Device: t.iface.Calls(at.Name), at: at, attachmentTemplate: t,
		exemptions: rs.exemptions, lent: new(lent)}
}

// zoned reports whether the device is the one that a zone of an address means: by its
// number or by any of its names.
func (a *Attachment) zoned(zone string) bool {
	return zone == a.at.number || zone == a.at.Name || slices.Contains(a.at.Altnames, zone)
}

func (a *Attachment) key() scopeKey {
	k := scopeKey{shared: a.iface.Scope, inward: a.inward}
	if k.shared == "" {
		k.device = a.Device
	}
	return k
}

// Device returns the attachment of a device by its name or an altname, whether it exists
// or not; nil if no interface of the policy names it.
func (rs *Ruleset) Device(name string) *Attachment {
	a := rs.attach(name)
	if a != nil {
		rs.scopes.complete(a)
	}
	return a
}

// Called is what the policy calls the device that has the name or altname, the name itself
// for one that is not managed.
func (rs *Ruleset) Called(name string) string {
	if a := rs.attach(name); a != nil {
		return a.Device
	}
	return name
}

// Attachments returns the managed devices that exist, by name.
func (rs *Ruleset) Attachments() []*Attachment {
	var out []*Attachment
	for _, l := range rs.links.all {
		if l.attachment != nil {
			out = append(out, l.attachment)
		}
	}
	slices.SortFunc(out, func(a, b *Attachment) int { return cmp.Compare(a.Device, b.Device) })
	return out
}

// Link is the device as it is there; of one that does not exist it has the name alone.
func (a *Attachment) Link() member.Link { return a.at.Link }
