package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/test/wire"
)

// served is the protected address where the decision alone is measured.
var served = netip.MustParseAddr("192.0.2.1")

// decider is an engine with one worker that gets its packets from memory.
type decider struct {
	worker *filter.Worker
	event  filter.Event
}

func newDecider(rs *filter.Ruleset, flows int) *decider {
	return &decider{worker: filter.NewEngine(filter.Config{MaxFlows: flows}, rs).NewWorker()}
}

// firstLink is the index of the first device; the others follow.
const firstLink = 2

// decide judges one packet at a device. The caller begins and ends batches.
func (d *decider) decide(h filter.Hook, device int, b []byte) bool {
	d.event = filter.Event{Frame: packet.Frame{Bytes: b}, Hook: h, In: firstLink + uint32(device)}
	if h == filter.HookOutput {
		d.event.In, d.event.Out = 0, d.event.In
	}
	return d.worker.Decide(&d.event)
}

// threadTime is the processor time of the calling thread. Other work on the machine changes
// it less than the clock.
func threadTime() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// cost is the median nanoseconds that a packet of the input hook takes. As in the queue loop
// packets come in batches of 16, with a preview where the table is large. fill turns a copy
// of like into packet i and returns its device.
func (d *decider) cost(
	o options, like []byte, want bool, fill func(b []byte, i int) (device int),
) (float64, error) {
	const batch = 16
	slice, rounds := 50*time.Millisecond, 7
	if o.quick {
		slice, rounds = time.Millisecond, 1
	}
	evs := make([]filter.Event, batch)
	for j := range evs {
		evs[j] = filter.Event{Hook: filter.HookInput, Frame: packet.Frame{Bytes: slices.Clone(like)}}
	}
	var s sample
	i, wrong := 0, 0
	for range rounds {
		from, err := threadTime()
		if err != nil {
			return 0, err
		}
		n, used := 0, time.Duration(0)
		for used < slice {
			for range 64 {
				for j := range evs {
					copy(evs[j].Frame.Bytes, like)
					evs[j].In = firstLink + uint32(fill(evs[j].Frame.Bytes, i))
					i++
				}
				d.worker.Begin()
				if d.worker.WantsPreview() {
					d.worker.Preview(evs)
				}
				for j := range evs {
					if d.worker.Decide(&evs[j]) != want {
						wrong++
					}
				}
				d.worker.End()
			}
			n += 64 * batch
			now, err := threadTime()
			if err != nil {
				return 0, err
			}
			used = now - from
		}
		s = append(s, float64(used)/float64(n))
	}
	if wrong > 0 {
		return 0, fmt.Errorf("%d of %d packets decided wrongly, last: %v",
			wrong, i, d.worker.Last().Reason)
	}
	return s.median(), nil
}

// kilobytes formats a size. Less than a kilobyte is the noise of the heap.
func kilobytes(n int64) string {
	if n < 1000 {
		return "< 1 KB"
	}
	return fmt.Sprintf("%s KB", number(float64(n)/1e3))
}

// nanoseconds formats a cost.
func nanoseconds(v float64) string { return fmt.Sprintf("%.0f ns", v) }

// duration formats the time that f takes, the best of three runs. The program runs without
// garbage collection, see main.
func duration(f func()) string {
	best := time.Duration(1<<63 - 1)
	for range 3 {
		runtime.GC()
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return fmt.Sprintf("%s ms", number(float64(best)/1e6))
}

// kept returns what make returns and how many bytes of heap it keeps.
func kept[T any](make func() T) (T, int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return v, int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// ruleSource is the network of rule i: 10.0.0.0/25 and those after it.
func ruleSource(i int) netip.Prefix {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 10<<24|uint32(i)<<7)
	return netip.PrefixFrom(netip.AddrFrom4(a), 25)
}

// scaleRulesOf is n rules: TCP port 1000+i%64 from a network of its own each.
func scaleRulesOf(n int) []policy.Rule {
	rules := make([]policy.Rule, n)
	for i := range rules {
		port := 1000 + i%64
		rules[i] = policy.Rule{
			Index: i, Protocol: policy.TCP, From: port, To: port, Peer: policy.Peer{CIDR: ruleSource(i)},
		}
	}
	return rules
}

// interfacesOf has n devices, device i with the groups that groups returns.
func interfacesOf(
	n int, groups func(i int) []string,
) (list []policy.Interface, links []member.Link) {
	for i := range n {
		name := fmt.Sprint("veth", i)
		list = append(list, policy.Interface{
			Device: name, Groups: groups(i), Timeouts: policy.DefaultTimeouts,
		})
		links = append(links, member.Link{Name: name, Index: firstLink + uint32(i)})
	}
	return list, links
}

// onePolicy has one device with one group.
func onePolicy(rules []policy.Rule) (*policy.Policy, []member.Link) {
	list, links := interfacesOf(1, func(int) []string { return []string{"g0"} })
	return &policy.Policy{
		Groups:     []policy.Group{{Name: "g0", Ingress: rules}},
		Interfaces: list, Settings: policy.DefaultSettings,
	}, links
}

func scaleRules(o options) (s sheet, err error) {
	s = sheet{
		title: "Rules",
		text: "One group on one device; rule i permits TCP port 1000+i%64 from a network of its own. " +
			"The cost of the whole decision:\nparse, find the flow, judge, keep the flow; processor time " +
			"on one CPU. *Compile* turns the policy into a ruleset,\n*change* compiles it again with " +
			"one rule more or less: the best of three runs, without garbage collection.",
		head: []string{
			"rules", "new flow, permitted", "new flow, refused", "compile", "change", "memory kept",
		},
	}
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		rules := scaleRulesOf(n)
		p, links := onePolicy(rules)
		rs, bytes := kept(func() *filter.Ruleset { return filter.Compile(p, nil).WithLinks(links) })
		d := newDecider(rs, 100_000)
		from, to := netip.AddrPortFrom(ruleSource(0).Addr(), 1), netip.AddrPortFrom(served, 1000)
		syn := wire.TCP(from, to, wire.SYN, 1, 0, nil)
		permitted, err := d.cost(o, syn, true, func(b []byte, i int) int {
			r := i * 7919 % n
			binary.BigEndian.PutUint32(b[12:], 10<<24|uint32(r)<<7|uint32(i>>16)&0x7f)
			binary.BigEndian.PutUint16(b[20:], uint16(i))
			binary.BigEndian.PutUint16(b[22:], uint16(1000+r%64))
			return 0
		})
		if err != nil {
			return s, err
		}
		binary.BigEndian.PutUint16(syn[22:], 1001)
		refused, err := d.cost(o, syn, false, func(b []byte, i int) int {
			binary.BigEndian.PutUint32(b[12:], 172<<24|uint32(i)&0xffffff)
			return 0
		})
		if err != nil {
			return s, err
		}
		c := filter.NewCompiler()
		c.Compile(p, nil)
		less, _ := onePolicy(rules[:n-1])
		changes := 0
		s.add(thousands(n), nanoseconds(permitted), nanoseconds(refused),
			duration(func() { filter.Compile(p, nil) }),
			duration(func() {
				changes++
				c.Compile([]*policy.Policy{p, less}[changes%2], nil)
			}),
			kilobytes(bytes))
	}
	return s, nil
}

func scaleFlows(o options) (s sheet, err error) {
	s = sheet{
		title: "Flows",
		text: "Segments of established TCP flows in pseudo-random order. Memory is the heap that the " +
			"table takes.",
		head: []string{"flows", "established", "bytes for each"},
	}
	p, links := onePolicy([]policy.Rule{{
		Protocol: policy.TCP, From: 443, To: 443,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("10.0.0.0/8")},
	}})
	rs := filter.Compile(p, nil).WithLinks(links)
	for _, n := range []int{1, 1000, 100_000, 1_000_000} {
		if o.quick && n > 1000 {
			break
		}
		from := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.0"), 40000)
		to := netip.AddrPortFrom(served, 443)
		syn := wire.TCP(from, to, wire.SYN, 99, 0, nil)
		synAck := wire.TCP(to, from, wire.SYN|wire.ACK, 499, 100, nil)
		ack := wire.TCP(from, to, wire.ACK, 100, 500, nil)
		address := func(b []byte, at, i int) { binary.BigEndian.PutUint32(b[at:], 10<<24|uint32(i)) }
		lost := 0
		d, bytes := kept(func() *decider {
			d := newDecider(rs, 2*n)
			for i := range n {
				address(syn, 12, i)
				address(synAck, 16, i)
				address(ack, 12, i)
				d.worker.Begin()
				if !d.decide(filter.HookInput, 0, syn) || !d.decide(filter.HookOutput, 0, synAck) ||
					!d.decide(filter.HookInput, 0, ack) {
					lost++
				}
				d.worker.End()
			}
			return d
		})
		if lost > 0 {
			return s, fmt.Errorf("%d of %d flows refused", lost, n)
		}
		order := rand.New(rand.NewPCG(7, 8)).Perm(n)
		at := 0
		ns, err := d.cost(o, ack, true, func(b []byte, _ int) int {
			address(b, 12, order[at])
			if at++; at == n {
				at = 0
			}
			return 0
		})
		if err != nil {
			return s, err
		}
		each := "–"
		if n >= 1000 {
			each = fmt.Sprint(bytes / int64(n))
		}
		s.add(thousands(n), nanoseconds(ns), each)
	}
	return s, nil
}

func scaleInterfaces(o options) (s sheet, err error) {
	const rules = 50
	s = sheet{
		title: "Interfaces",
		text: "Devices with a group of 50 rules each, or all with the same one. *Refused*: a SYN at " +
			"each device in turn. *Change* gives one\ngroup another rule, *bind* is the cost of a device " +
			"that appears. Times as under Rules.",
		head: []string{"devices", "groups", "refused", "compile", "change", "bind", "memory kept"},
	}
	for _, n := range []int{1, 10, 50, 200} {
		for _, shared := range []bool{true, false} {
			if !shared && n == 1 {
				continue
			}
			groups := n
			if shared {
				groups = 1
			}
			list, links := interfacesOf(n, func(i int) []string {
				return []string{fmt.Sprint("g", i%groups)}
			})
			p := &policy.Policy{Interfaces: list, Settings: policy.DefaultSettings}
			for i := range groups {
				p.Groups = append(p.Groups, policy.Group{
					Name: fmt.Sprint("g", i), Ingress: scaleRulesOf(rules),
				})
			}
			rs, bytes := kept(func() *filter.Ruleset { return filter.Compile(p, nil).WithLinks(links) })
			d := newDecider(rs, 1000)
			from, to := netip.MustParseAddrPort("172.16.0.1:40000"), netip.AddrPortFrom(served, 1001)
			syn := wire.TCP(from, to, wire.SYN, 1, 0, nil)
			refused, err := d.cost(o, syn, false, func(_ []byte, i int) int { return i % n })
			if err != nil {
				return s, err
			}
			c := filter.NewCompiler()
			c.Compile(p, nil)
			changes := 0
			s.add(fmt.Sprint(n), fmt.Sprint(groups), nanoseconds(refused),
				duration(func() { filter.Compile(p, nil) }),
				duration(func() {
					changes++
					p.Groups[0].Ingress = scaleRulesOf(rules + changes%2)
					c.Compile(p, nil)
				}),
				duration(func() { rs.WithLinks(links) }),
				kilobytes(bytes))
		}
	}
	return s, nil
}
