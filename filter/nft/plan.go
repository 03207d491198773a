package nft

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sgfw/filter/offload"
	"sgfw/policy"
)

// TableName is the name of our table, family inet.
const TableName = "sgfw"

// Device is a device whose packets are queued.
type Device struct {
	// Name is what [policy.CheckDevice] allows: an exact name, or a prefix and one
	// trailing *. No prefix covers lo. Where several match, the order is that of
	// [policy.CompareDevices].
	Name string
	// Number is the interface index of the device that has an exact name as an altname, 0
	// if none has: rules of the kernel know no altnames. It goes behind exact names and
	// before prefixes. It is the same device, whatever becomes of its names.
	Number uint32
	// Mode decides which failsafes pass in which direction. Packets in through the
	// device (input and forward) and out through it (output and forward) are queued in
	// either mode.
	Mode policy.Mode
	// View says in which hooks: with the view of the wire, before DNAT (prerouting) and
	// behind SNAT (postrouting) instead.
	View policy.View
}

// prefix returns what the name starts with, and whether anything may follow.
func (d Device) prefix() (string, bool) { return strings.CutSuffix(d.Name, "*") }

// altname reports whether no device can have the name but as an altname.
func (d Device) altname() bool { return len(d.Name) > policy.MaxDeviceName }

// Bridge is a managed device that is a bridge.
type Bridge struct {
	Name string
	// Ports are the interface indexes of its ports.
	Ports []uint32
}

func (b Bridge) equal(c Bridge) bool { return b.Name == c.Name && slices.Equal(b.Ports, c.Ports) }

// Plan is what the table shall do. The zero value queues nothing and is refused.
type Plan struct {
	// Devices in any order; none is legal and queues nothing.
	Devices []Device
	// Bridges are those of the devices that are bridges, for as far as they are known:
	// what one hands from port to port passes without a verdict.
	Bridges []Bridge
	// QueueBase is the first queue; 0 is refused, because programs that never
	// chose a number use it.
	QueueBase uint16
	// QueueCount is the number of queues, at least 1.
	QueueCount uint16
	// Balance chooses a queue by the CPU that handles the packet, or by a symmetric
	// hash of addresses and protocol, so that both directions of a flow meet one queue
	// (nfqueue_hash, include/net/netfilter/nf_queue.h). Pinned is as
	// CPU: the table does not know which CPU a loop runs on.
	Balance policy.Balance
	// Gone says what becomes of packets of managed devices when the process that holds
	// the table has died without an ordered stop. drop keeps the table, closed: nobody
	// answers the queues, so the kernel drops what the rules send there. accept takes
	// the table away with the process, or lets packets bypass queues without a listener
	// where the kernel has no owned tables.
	Gone policy.FailAction
	// Closed drops what would be queued, for as long as the queues cannot be bound.
	Closed bool
	// Offload, where it is not zero, has verdicts with marks, and the kernel carry on with
	// flows by itself as they say; without, verdicts are plain ones.
	Offload offload.Config
	// Overloaded is what becomes of packets that come behind the queues without a verdict,
	// because one was full. FailAccept counts them, and needs marks.
	Overloaded policy.FailAction
	// Stuck, where it is not zero, lets packets pass that would be queued when the last
	// [Table.Pulse] is so long ago and the process that holds the table lives. It needs marks.
	Stuck time.Duration
	// Without are the failsafes that are switched off.
	Without policy.Set[policy.Failsafe]
}

// Equal reports whether two plans ask for the same table.
func (p Plan) Equal(q Plan) bool {
	devices := slices.Equal(p.Devices, q.Devices) &&
		slices.EqualFunc(p.Bridges, q.Bridges, Bridge.equal)
	return devices && p.QueueBase == q.QueueBase && p.QueueCount == q.QueueCount &&
		p.Balance == q.Balance &&
		p.Gone == q.Gone && p.Closed == q.Closed && p.Without == q.Without && p.Offload == q.Offload &&
		p.Overloaded == q.Overloaded && p.Stuck == q.Stuck
}

// Validate tells everything that is wrong with the plan.
func (p Plan) Validate() error {
	var errs []error
	seen, taken := make(map[string]bool, len(p.Devices)), make(map[uint32]bool)
	for _, d := range p.Devices {
		if bad := policy.CheckDevice(d.Name); bad != nil {
			errs = append(errs, bad)
		}
		if d.Mode > policy.ModeGuest {
			errs = append(errs, fmt.Errorf("device %q: unknown mode %d", d.Name, d.Mode))
		}
		if d.View > policy.ViewWire {
			errs = append(errs, fmt.Errorf("device %q: unknown view %d", d.Name, d.View))
		}
		if names, numbers := p.otherwise(d); len(names)+len(numbers) > maxOtherwise {
			errs = append(errs, fmt.Errorf("device %q: %d devices that it covers, too, have another view, "+
				"more than %d: give them the same", d.Name, len(names)+len(numbers), maxOtherwise))
		}
		if _, glob := d.prefix(); glob && d.Number != 0 {
			errs = append(errs, fmt.Errorf("device %q: a prefix has no number", d.Name))
		}
		if d.Number != 0 && taken[d.Number] {
			errs = append(errs, fmt.Errorf("device number %d is listed twice", d.Number))
		}
		taken[d.Number] = true
		if seen[d.Name] {
			errs = append(errs, fmt.Errorf("device %q is listed twice", d.Name))
		}
		seen[d.Name] = true
	}
	switch {
	case p.QueueBase == 0:
		errs = append(errs, errors.New("queue base 0 is the number that programs use by default"))
	case p.QueueCount == 0:
		errs = append(errs, errors.New("at least one queue is needed"))
	case int(p.QueueBase)+int(p.QueueCount)-1 > policy.MaxQueueNumber:
		errs = append(errs, fmt.Errorf("queues %d to %d: the last number is 65535", p.QueueBase,
			int(p.QueueBase)+int(p.QueueCount)-1))
	}
	if p.marked() {
		if err := p.Offload.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("offload: %w", err))
		}
	} else if p.Stuck != 0 || p.Overloaded == policy.FailAccept {
		errs = append(errs, errors.New("what passes without a verdict is told by marks"))
	}
	if p.Stuck < 0 {
		errs = append(errs, fmt.Errorf("stuck after %v", p.Stuck))
	}
	if int(p.Balance) >= len(policy.Balances()) {
		errs = append(errs, fmt.Errorf("unknown balance %d", p.Balance))
	}
	if p.Gone > policy.FailAccept || p.Overloaded > policy.FailAccept {
		errs = append(errs, fmt.Errorf("unknown action %d or %d after a failure", p.Gone, p.Overloaded))
	}
	return errors.Join(errs...)
}

// byPrecedence are the devices in the order in which the rules ask for them: the
// first that matches decides.
func (p Plan) byPrecedence() []Device {
	return slices.SortedStableFunc(slices.Values(p.Devices), func(a, b Device) int {
		return policy.CompareDevices(a.Name, b.Name)
	})
}

// maxOtherwise bounds the comparisons of one rule; the kernel takes 128 expressions
// (NFT_RULE_MAXEXPRS).
const maxOtherwise = 100

// otherwise are the devices with another view that a prefix covers, too, or may cover as
// nobody knows their names, and that have precedence over it: rules for the prefix must
// leave their packets alone.
func (p Plan) otherwise(d Device) (named []Device, numbers []uint32) {
	prefix, glob := d.prefix()
	if !glob {
		return nil, nil
	}
	for _, o := range p.Devices {
		if o.View == d.View || o.Name == d.Name {
			continue
		}
		if strings.HasPrefix(o.Name, prefix) && !o.altname() {
			named = append(named, o)
		}
		if o.Number != 0 {
			numbers = append(numbers, o.Number)
		}
	}
	return named, numbers
}

// marked reports whether verdicts have marks.
func (p Plan) marked() bool { return p.Offload != offload.Config{} }

// carries reports whether the kernel carries on with flows.
func (p Plan) carries() bool { return p.Offload.Carries() }

// wire reports whether a device has the view of the wire.
func (p Plan) wire() bool {
	return slices.ContainsFunc(p.Devices, func(d Device) bool { return d.View == policy.ViewWire })
}

// clone is a deep copy: a caller may go on changing its own plan.
func (p Plan) clone() Plan {
	p.Devices, p.Bridges = slices.Clone(p.Devices), slices.Clone(p.Bridges)
	for i := range p.Bridges {
		p.Bridges[i].Ports = slices.Clone(p.Bridges[i].Ports)
	}
	return p
}
