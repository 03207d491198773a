package doctor

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/source"
	"sgfw/filter"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/policy/file"
)

// Examine looks at the network namespace of the calling thread.
func Examine(known Known) *Machine {
	m := &Machine{Known: known, Kernel: release(), Privileged: netAdmin(),
		ModulesLocked: sysctl("kernel/modules_disabled")}
	m.examinePolicy()
	m.Features, m.FeaturesErr = nft.Probe()
	m.QueueCT = kernelConfig("CONFIG_NETFILTER_NETLINK_GLUE_CT")
	m.Survey, m.SurveyErr = nft.Look()
	m.Legacy = legacyTables()
	m.MarkRoutes = markRoutes()
	m.examineQueues()
	m.Listeners = Listeners()
	m.Toward = make(map[netip.Addr]string)
	for _, p := range m.Survey.Published {
		if a := p.To.Addr(); a.IsValid() {
			m.Toward[a] = deviceToward(a)
		}
	}
	m.Forwarding = [2]bool{sysctl("net/ipv4/ip_forward"), sysctl("net/ipv6/conf/all/forwarding")}
	return m
}

// examinePolicy reads the policy file, unless that does not answer.
func (m *Machine) examinePolicy() {
	if m.PolicyFile == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), source.Patience)
	defer cancel()
	f := source.NewFile(m.PolicyFile)
	text, err := f.Read(ctx)
	if err == nil {
		m.Policy, _, err = file.Parse(f.Name(), text.Text)
	}
	m.PolicyErr, m.Writable = err, text.Writers
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "(unknown)"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// netAdmin looks for CAP_NET_ADMIN among the effective capabilities.
func netAdmin() bool {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if set, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return err == nil && n>>unix.CAP_NET_ADMIN&1 != 0
		}
	}
	return false
}

// sysctl reports whether a kernel setting is there and not 0.
func sysctl(name string) bool { return on("/proc/sys/" + name) }

// on reports whether a file of a setting is there and does not say 0.
func on(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(b)) != "0"
}

// kernelConfig returns the value of an option the running kernel was built with,
// "n" if it is not set, "" if nothing tells.
func kernelConfig(option string) string {
	var r io.Reader
	if f, err := os.Open("/proc/config.gz"); err == nil {
		defer f.Close()
		if r, err = gzip.NewReader(f); err != nil {
			return ""
		}
	} else if f, err := os.Open("/boot/config-" + release()); err == nil {
		defer f.Close()
		r = f
	} else {
		return ""
	}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), option+"="); ok {
			return v
		}
	}
	return "n"
}

// legacyTables lists the tables of legacy iptables that are loaded.
func legacyTables() (out []string) {
	for family, path := range map[string]string{"ip": "ip_tables_names", "ip6": "ip6_tables_names"} {
		b, _ := os.ReadFile("/proc/thread-self/net/" + path)
		for name := range strings.FieldsSeq(string(b)) {
			out = append(out, family+" "+name)
		}
	}
	slices.Sort(out)
	return out
}

// markRoutes lists the rules of policy routing that look at a packet's mark.
func markRoutes() (out []MarkRoute) {
	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return nil
	}
	for _, r := range rules {
		route := MarkRoute{Priority: r.Priority, Mark: r.Mark, Mask: ^uint32(0)}
		if r.Mask != nil {
			route.Mask = *r.Mask
		}
		if route.Mark != 0 && !slices.Contains(out, route) {
			out = append(out, route)
		}
	}
	return out
}

// none is a queue that judges nothing.
type none struct{}

func (none) Begin()                    {}
func (none) Decide(*filter.Event) bool { return false }
func (none) End()                      {}

// examineQueues lists the queues and, where no daemon has shown it, binds one for a
// moment that nobody uses.
func (m *Machine) examineQueues() {
	kernel, err := nfqueue.ReadKernelQueues()
	m.QueuesErr = err
	for _, k := range kernel {
		q := Queue{Number: k.Queue}
		q.PID, q.Process = k.Holder()
		m.Queues = append(m.Queues, q)
	}
	if m.Daemon != nil || !m.Privileged {
		return
	}
	scratch := uint16(65535)
	for slices.ContainsFunc(m.Queues, func(q Queue) bool { return q.Number == scratch }) {
		scratch--
	}
	q, err := nfqueue.Open(nfqueue.DriverBatch, nfqueue.Config{Queue: scratch}, none{})
	if err != nil {
		m.QueueErr = err
		return
	}
	// It has shown what it can.
	_ = q.Close()
}

func deviceToward(a netip.Addr) string {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return ""
	}
	l, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return ""
	}
	return l.Attrs().Name
}

// States of /proc/net/{tcp,udp}: a TCP listener, and a UDP socket that is not
// connected (include/net/tcp_states.h).
const (
	stateListen = "0A"
	stateClose  = "07"
)

// Listeners lists the sockets of the calling thread's network namespace that take
// packets of anybody.
func Listeners() []Listener {
	var out []Listener
	var inodes []string
	for _, t := range []struct{ file, protocol, state string }{
		{"tcp", "tcp", stateListen}, {"tcp6", "tcp", stateListen}, {"udp", "udp", stateClose},
		{"udp6", "udp", stateClose},
	} {
		f, err := os.Open("/proc/thread-self/net/" + t.file)
		if err != nil {
			continue
		}
		list, ids := parseSockets(f, t.protocol, t.state)
		f.Close()
		out, inodes = append(out, list...), append(inodes, ids...)
	}
	names := holders(inodes)
	for i := range out {
		out[i].Process = names[inodes[i]]
	}
	return out
}

// parseSockets reads a table of sockets: sl, local_address, rem_address, st, tx and rx
// queue, tr and tm->when, retrnsmt, uid, timeout, inode.
func parseSockets(r io.Reader, protocol, state string) (out []Listener, inodes []string) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		c := strings.Fields(lines.Text())
		if len(c) < 10 || c[3] != state {
			continue
		}
		if a, ok := parseEnd(c[1]); ok && a.Port() != 0 {
			out, inodes = append(out, Listener{Protocol: protocol, Address: a}), append(inodes, c[9])
		}
	}
	return out, inodes
}

// parseEnd reads an address and a port in hexadecimal; the address is made of
// words of 32 bits in the byte order of the machine.
func parseEnd(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	if littleEndian {
		for i := 0; i < len(b); i += 4 {
			slices.Reverse(b[i : i+4])
		}
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok
}

// holders finds the names of the processes that have sockets open, by inode.
func holders(inodes []string) map[string]string {
	want := make(map[string]string, len(inodes))
	for _, i := range inodes {
		want["socket:["+i+"]"] = i
	}
	out := make(map[string]string)
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, d := range descriptors {
		target, err := os.Readlink(d)
		inode, ok := want[target]
		if err != nil || !ok || out[inode] != "" {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(d)), "comm"))
		out[inode] = strings.TrimSpace(string(comm))
	}
	return out
}
