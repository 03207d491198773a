package replay

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Config says what a capture is judged by.
type Config struct {
	Policy *policy.Policy
	// Links are devices with their addresses, which win over what a capture says of them. They
	// have no index: that is the Machine's.
	Links []member.Link
	// Resolvers are the name servers of the machine, for a policy that exempts them.
	Resolvers []netip.Addr
}

const (
	// epoch is when a capture begins on the engine's clock.
	epoch = conntrack.Time(time.Hour)
	// elsewhere is the index of a device that no policy manages: what is forwarded crosses it
	// where the capture does not say which other device that was.
	elsewhere = 1
	// maxLinks bounds the devices of a capture.
	maxLinks = 4096
	// maxBegun bounds the flows whose beginning is remembered.
	maxBegun = 1 << 18
)

// Machine judges packets by one policy. It is for one goroutine.
type Machine struct {
	cfg      Config
	compiler *filter.Compiler
	engine   *filter.Engine
	worker   *filter.Worker
	tap      *filter.Tap

	links []member.Link
	index map[string]uint32
	// met is how many devices of the file are known.
	met int

	first   time.Time // of the capture, zero before its first packet
	now     conntrack.Time
	expired conntrack.Time // when flows were looked through last

	begun map[conntrack.Tuple]struct{}
}

// NewMachine returns a machine that has seen nothing yet.
func NewMachine(cfg Config) *Machine {
	m := &Machine{cfg: cfg, compiler: filter.NewCompiler(), now: epoch, expired: epoch,
		index: make(map[string]uint32), begun: make(map[conntrack.Tuple]struct{}),
		links: []member.Link{{Name: policy.Loopback, Index: elsewhere}}}
	for _, l := range cfg.Links {
		m.add(l)
	}
	m.engine = filter.NewEngine(filter.Config{MaxFlows: cfg.Policy.Settings.MaxFlows,
		Clock: func() conntrack.Time { return m.now }}, m.compile())
	m.worker = m.engine.NewWorker()
	m.tap = m.engine.Tap(1, 0, filter.Selection{Reasons: filter.Everything})
	return m
}

// Ruleset is what the machine judges by. It is another one after a packet of a device that
// was not known before.
func (m *Machine) Ruleset() *filter.Ruleset { return m.engine.Ruleset() }

func (m *Machine) compile() *filter.Ruleset {
	p := m.cfg.Policy
	return m.compiler.Compile(p, member.Resolve(p, member.Facts{Links: m.links})).
		WithResolvers(m.cfg.Resolvers).WithLinks(m.links)
}

func (m *Machine) add(l member.Link) {
	l.Index = uint32(len(m.links) + 1)
	m.links = append(m.links, l)
	for _, name := range append([]string{l.Name}, l.Altnames...) {
		m.index[name] = l.Index
	}
}

// meet makes devices known: those that the file has named since, and those that a packet
// crosses.
func (m *Machine) meet(p *Passage) {
	changed := false
	for i := range p.Devices[m.met:] {
		n := &p.Devices[m.met+i]
		changed = m.learn(Link(n.Name, n.Addresses)) || changed
	}
	m.met = len(p.Devices)
	for _, name := range []string{p.Device, p.in(), p.out()} {
		if m.index[name] == 0 {
			changed = m.learn(Link(name, nil)) || changed
		}
	}
	if changed {
		m.engine.Publish(m.compile())
	}
}

// learn takes a device or its new addresses, and reports whether that changes anything. Those
// of the configuration stay as they are.
func (m *Machine) learn(l member.Link) bool {
	if l.Name == "" || l.Name == policy.Loopback {
		return false
	}
	i := int(m.index[l.Name]) - 1
	switch {
	case i < 0 && len(m.links) == maxLinks: // what crosses it will be dropped
		return false
	case i < 0:
		m.add(l)
		return true
	case i <= len(m.cfg.Links), slices.Equal(m.links[i].Addresses, l.Addresses):
		return false
	}
	m.links[i].Addresses, m.links[i].Broadcasts = l.Addresses, l.Broadcasts
	return true
}

// Link is a device with addresses and the networks that they are in.
func Link(name string, addresses []netip.Prefix) member.Link {
	l := member.Link{Name: name}
	for _, p := range addresses {
		a := p.Addr().Unmap()
		l.Addresses = append(l.Addresses, a)
		if a.Is4() && p.Bits() < 31 {
			l.Broadcasts = append(l.Broadcasts, member.Broadcast(p))
		}
	}
	return l
}

// Errors of packets that cannot be judged.
var (
	// ErrUnmanaged: the policy manages none of the devices that the packet crosses, which
	// passes unseen.
	ErrUnmanaged = errors.New("not managed by the policy")
	// ErrNowhere: nobody knows where and in which direction the packet crossed the machine.
	ErrNowhere = errors.New("not known which way it went")
	// ErrEarlier: the packet belongs to a flow that began before the capture.
	ErrEarlier = errors.New("its flow began before the capture")
)

// Judge judges a packet, which moves the clock and the flows. The sight has no bytes. An error
// is why there is no verdict, and matches one of those above.
func (m *Machine) Judge(p *Passage) (x filter.Sight, err error) {
	m.meet(p)
	m.advance(p.Time)
	ev, err := m.place(p)
	if err != nil {
		return x, err
	}
	m.worker.Begin()
	m.worker.Decide(&ev)
	m.worker.End()
	list, _ := m.tap.Take()
	x = list[0]
	if x.Verdict.Reason == filter.ReasonUnmanaged && p.Note != nil &&
		p.Note.Reason != filter.ReasonUnmanaged.String() {
		return x, ErrUnmanaged
	}
	return x, m.earlier(p, &x)
}

// advance moves the clock to a moment of the capture, never back, and looks through the
// flows as the daemon does.
func (m *Machine) advance(t time.Time) {
	if t.IsZero() {
		return
	}
	if m.first.IsZero() {
		m.first = t
	}
	m.now = max(m.now, epoch.Add(t.Sub(m.first)))
	if passed := m.now.Sub(m.expired); passed >= time.Second {
		const lap = 16 // seconds for the whole table
		slots := m.engine.Flows().Slots()
		m.engine.Flows().Expire(m.now, max(1, slots/lap*int(min(passed/time.Second, lap))))
		m.expired = m.now
	}
}

// earlier says of a packet that sgfw saw as part of a flow that the capture does not have the
// beginning of it.
func (m *Machine) earlier(p *Passage, x *filter.Sight) error {
	if p.Note == nil || !x.Parsed() || x.Verdict.Scope == 0 {
		return nil
	}
	if p.Note.Before == NoFlow {
		if len(m.begun) < maxBegun {
			m.begun[x.Tuple] = struct{}{}
		}
		return nil
	}
	_, begun := m.begun[x.Tuple]
	if begun || x.Before != 0 || len(m.begun) == maxBegun ||
		p.Note.Reason == filter.ReasonRelated.String() {
		return nil
	}
	return ErrEarlier
}

// owns reports whether an address is a device's own.
func (m *Machine) owns(device string, a netip.Addr) bool {
	i := m.index[device]
	return i > 0 && slices.Contains(m.links[i-1].Addresses, a)
}
