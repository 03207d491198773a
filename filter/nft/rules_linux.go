package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// Chains of the table.
const (
	chainInput        = "input"
	chainForward      = "forward"
	chainOutput       = "output"
	chainHostIn       = "host-in"
	chainHostOut      = "host-out"
	chainGuestIn      = "guest-in"
	chainGuestOut     = "guest-out"
	chainPrerouting   = "prerouting"
	chainPostrouting  = "postrouting"
	chainHostWireIn   = "host-wire-in"
	chainHostWireOut  = "host-wire-out"
	chainGuestWireIn  = "guest-wire-in"
	chainGuestWireOut = "guest-wire-out"
	chainVerdict      = "verdict"
	chainReassembly   = "reassembly"
)

// Counters of the verdict chain: what was sent to the queues, and what a closed
// plan dropped instead.
const (
	counterQueued = "queued"
	counterClosed = "closed"
)

// chain is a planned chain.
type chain struct {
	name string
	hook *nftables.ChainHook // nil: reached by goto only
	// priority is that of the hook.
	priority nftables.ChainPriority
	rules    [][]expr.Any
	maps     []chainMap // that the rules use
}

// features is what the kernel was found to understand.
type features struct {
	queue      QueueKind
	reassembly Reassembly
	fib        bool
	wire       bool // what wire.go needs: fib, and devices in postrouting
	owner      bool
	offload    error // why the kernel cannot carry on with flows
	persist    bool
	port       bool // the port that a frame leaves by can be told
}

// layout turns a plan into chains, in an order in which each goto leads to a
// chain that stands before it. It is a pure function.
func layout(p Plan, f features) []chain {
	lo := Device{Name: "lo"}
	input := chain{name: chainInput, hook: nftables.ChainHookInput,
		rules: [][]expr.Any{rule(deviceName(expr.MetaKeyIIFNAME, lo), accept())}}
	output := chain{name: chainOutput, hook: nftables.ChainHookOutput,
		rules: [][]expr.Any{rule(deviceName(expr.MetaKeyOIFNAME, lo), accept())}}
	forward := chain{name: chainForward, hook: nftables.ChainHookForward}
	if f.port {
		forward.rules = bridged(p)
	}
	d := dispatch{plan: p}
	d.to(&input, expr.MetaKeyIIFNAME, policy.ViewLocal, chainHostIn, chainGuestIn)
	d.to(&output, expr.MetaKeyOIFNAME, policy.ViewLocal, chainHostOut, chainGuestOut)
	d.notOurs(&forward)
	// The first match queues the packet and ends the chain, so one that crosses two
	// managed devices is queued once.
	for _, key := range []expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME} {
		d.to(&forward, key, policy.ViewLocal, chainVerdict, chainVerdict)
	}
	var reassembly [][]expr.Any
	if hold := holdReassembly(f.reassembly); hold != nil {
		reassembly = append(reassembly, hold)
	}
	decide := []expr.Any{count(counterQueued),
		queueTo(f.queue, p.QueueBase, p.QueueCount, queueFlags(p, f))}
	if p.Closed {
		decide = []expr.Any{count(counterClosed), drop()}
	}
	verdict := chain{name: chainVerdict, rules: [][]expr.Any{decide}}
	var chains []chain
	if p.marked() {
		chains = append(chains, carriers(p, f, decide)...)
	} else {
		chains = append(chains, verdict)
	}
	chains = append(chains, []chain{
		{name: chainHostIn, rules: judged(chainVerdict,
			slices.Concat(intoProtected(p), ourMulticast(p, f)))},
		{name: chainHostOut, rules: judged(chainVerdict, outOfProtected(p))},
		// What comes in through a guest's device leaves the guest, but for our own
		// packets that the kernel loops back (K21).
		{name: chainGuestIn, rules: judged(chainVerdict,
			slices.Concat(outOfProtected(p), ourMulticast(p, f)))},
		{name: chainGuestOut, rules: judged(chainVerdict, intoProtected(p))},
		{name: chainReassembly, rules: reassembly},
		input, forward, output,
	}...)
	if p.wire() {
		chains = append(chains, d.wire(f)...)
	}
	if p.marked() {
		chains = surround(p, chains)
	}
	return chains
}

// dispatch makes the rules that send packets on by the name or number of a device.
type dispatch struct {
	plan Plan
	maps uint32
}

// to adds rules to a chain for the devices with a view: whole names by maps, which go
// first as they have precedence, then numbers, and a rule for each prefix.
func (d *dispatch) to(c *chain, key expr.MetaKey, view policy.View, host, guest string) {
	d.matching(c, nil, key, view, func(m policy.Mode) string { return [...]string{host, guest}[m] })
}

// matching is to for those packets that match. A device whose chain is "" is left out.
func (d *dispatch) matching(c *chain, match []expr.Any, key expr.MetaKey, view policy.View,
	where func(policy.Mode) string) {
	devices := slices.DeleteFunc(d.plan.byPrecedence(), func(v Device) bool {
		return v.View != view || where(v.Mode) == ""
	})
	exact := slices.IndexFunc(devices, func(d Device) bool { _, glob := d.prefix(); return glob })
	if exact < 0 {
		exact = len(devices)
	}
	names := slices.DeleteFunc(slices.Clone(devices[:exact]), Device.altname)
	d.mapped(c, match, key, names, Device.nameKey, where)
	numbered := slices.DeleteFunc(slices.Clone(devices[:exact]),
		func(v Device) bool { return v.Number == 0 })
	d.mapped(c, match, numberOf(key), numbered, Device.numberKey, where)
	for _, v := range devices[exact:] {
		named := deviceName(key, v)
		others, numbers := d.plan.otherwise(v)
		if len(others) > 0 && named == nil {
			named = []expr.Any{meta(key)}
		}
		for _, o := range others {
			named = append(named, notDevice(o))
		}
		c.rules = append(c.rules, rule(slices.Concat(match, notNumbers(numberOf(key), numbers), named),
			goTo(where(v.Mode))))
	}
}

// mapped adds the maps of devices, and the rules that use them, to a chain.
func (d *dispatch) mapped(c *chain, match []expr.Any, key expr.MetaKey, devices []Device,
	keyOf func(Device) []byte, where func(policy.Mode) string) {
	for part := range slices.Chunk(devices, mapLength) {
		d.maps++
		m := deviceMap(d.maps, key)
		for _, v := range part {
			m.chains[text(keyOf(v))] = where(v.Mode)
		}
		c.maps = append(c.maps, m)
		c.rules = append(c.rules, rule(match, meta(key), m.lookup()))
	}
}

// judged is a chain of exemptions before the one that queues. No failsafe is TCP, so TCP,
// which is most traffic, skips them.
func judged(verdict string, exemptions [][]expr.Any) [][]expr.Any {
	tcp := []expr.Any{meta(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_TCP), goTo(verdict)}
	rules := append([][]expr.Any{tcp}, exemptions...)
	return append(rules, []expr.Any{goTo(verdict)})
}

// queueFlags are those of the queue expression. Bypass would also open the machine while
// the daemon lives but has no queue bound. So it is used only where the kernel has no
// owned tables, which vanish with the daemon.
func queueFlags(p Plan, f features) (flags uint16) {
	if p.Gone == policy.FailAccept && !f.owner {
		flags |= queueBypass
	}
	if p.Balance != policy.BalanceHash && p.QueueCount > 1 {
		flags |= queueFanout
	}
	return flags
}

func rule(match []expr.Any, then ...expr.Any) []expr.Any {
	return slices.Concat(match, then)
}

// counters are the named counters of the table.
func counters() []string {
	names := []string{counterQueued, counterClosed}
	for _, f := range policy.Failsafes() {
		names = append(names, f.String())
	}
	return names
}
