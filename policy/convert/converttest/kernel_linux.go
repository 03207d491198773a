package converttest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/member"
)

// What the kernel is asked about: datagrams to these ports, to and from these peers.
var (
	KernelPorts = []int{1000, 1001, 1005, 2000, 2001, 3000, 40000}
	KernelPeers = []string{"10.0.0.2", "10.0.0.77", "10.0.0.130", "10.0.0.200", "10.0.0.254",
		"fd00::2", "fd00::77", "fd00::1:5"}
)

// The protected side's own addresses, and its device.
const (
	kernelOwn4, kernelOwn6 = "10.0.0.1", "fd00::1"
	KernelDevice           = "v0"
)

// Kernel is the firewall of the kernel as an oracle: two network namespaces with a cable, in
// one of which rules are put in force. It is for one test.
type Kernel struct {
	t             *testing.T
	inside, peers *namespace
	round         int
}

// namespace is a thread in a network namespace of its own, with sockets that listen there.
type namespace struct {
	work chan func() error
	done chan error
	tid  int
	ears []net.PacketConn
}

// NewKernel makes the namespaces, or skips the test without root or one of the programs.
func NewKernel(t *testing.T, programs ...string) *Kernel {
	t.Helper()
	for _, p := range append(programs, "ip") {
		if _, err := exec.LookPath(p); err != nil || os.Getuid() != 0 {
			t.Skipf("NOT TESTED against the kernel: it needs %s and root", strings.Join(programs, ", "))
		}
	}
	k := &Kernel{t: t, inside: newNamespace(t), peers: newNamespace(t)}
	// Neighbours are known, so that no rule keeps the question for them out.
	k.Inside("", "sh", "-ec", fmt.Sprintf("ip link add v0 address 02:00:00:00:00:01 type veth peer "+
		"name v1 address 02:00:00:00:00:02 netns /proc/%d/ns/net\nip addr add %s/24 dev v0\n"+
		"ip addr add %s/64 dev v0 nodad\nip link set v0 up\nip link set lo up\n", k.peers.tid,
		kernelOwn4, kernelOwn6)+neighbours("v0", "02:00:00:00:00:02", KernelPeers...))
	up := "ip link set v1 up\n"
	for _, p := range KernelPeers {
		if netip.MustParseAddr(p).Is4() {
			up += "ip addr add " + p + "/24 dev v1\n"
		} else {
			up += "ip addr add " + p + "/64 dev v1 nodad\n"
		}
	}
	k.peers.run(t, command("", "sh", "-ec", up+
		neighbours("v1", "02:00:00:00:00:01", kernelOwn4, kernelOwn6)))
	for _, n := range []*namespace{k.inside, k.peers} {
		n.run(t, func() error {
			for _, port := range KernelPorts {
				c, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
				if err != nil {
					return err
				}
				n.ears = append(n.ears, c)
			}
			return nil
		})
	}
	return k
}

func neighbours(device, lladdr string, addrs ...string) (out string) {
	for _, a := range addrs {
		out += fmt.Sprintf("ip neigh add %s lladdr %s dev %s nud permanent\n", a, lladdr, device)
	}
	return out
}

func newNamespace(t *testing.T) *namespace {
	n := &namespace{work: make(chan func() error), done: make(chan error)}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.tid = unix.Gettid()
		n.done <- err
		for f := range n.work {
			n.done <- f()
		}
	}()
	if err := <-n.done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(n.work)
		for _, c := range n.ears {
			c.Close()
		}
	})
	return n
}

// run runs a function in the namespace.
func (n *namespace) run(t *testing.T, f func() error) {
	t.Helper()
	n.work <- f
	if err := <-n.done; err != nil {
		t.Fatal(err)
	}
}

func command(stdin string, words ...string) func() error {
	return func() error {
		c := exec.Command(words[0], words[1:]...)
		c.Stdin = strings.NewReader(stdin)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s\n%s", words[0], err, out, stdin)
		}
		return nil
	}
}

// Inside runs a program on the protected side.
func (k *Kernel) Inside(stdin string, words ...string) {
	k.t.Helper()
	k.inside.run(k.t, command(stdin, words...))
}

// Output runs a program on the protected side and returns what it prints.
func (k *Kernel) Output(words ...string) (out []byte) {
	k.t.Helper()
	k.inside.run(k.t, func() (err error) {
		out, err = exec.Command(words[0], words[1:]...).Output()
		return err
	})
	return out
}

// Datagram is one that begins a flow.
type Datagram struct {
	Direction conntrack.Direction
	Peer      string
	Port      int
}

// Ask sends all datagrams and returns which of them arrived.
func (k *Kernel) Ask() map[Datagram]bool {
	k.t.Helper()
	k.round++
	sent := map[string]Datagram{}
	send := func(dir conntrack.Direction, own string, peer string, port int) {
		d := Datagram{dir, peer, port}
		text := fmt.Sprint(k.round, d)
		sent[text] = d
		from, to := peer, own
		if dir == conntrack.Egress {
			from, to = own, peer
		}
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)},
			&net.UDPAddr{IP: net.ParseIP(to), Port: port})
		if err != nil {
			k.t.Error(err)
			return
		}
		_, _ = c.Write([]byte(text)) // refused by a rule, perhaps: then it does not arrive
		c.Close()
	}
	for dir, n := range []*namespace{conntrack.Ingress: k.peers, conntrack.Egress: k.inside} {
		n.run(k.t, func() error {
			for _, peer := range KernelPeers {
				own := kernelOwn4
				if strings.Contains(peer, ":") {
					own = kernelOwn6
				}
				for _, port := range KernelPorts {
					send(conntrack.Direction(dir), own, peer, port)
				}
			}
			return nil
		})
	}
	time.Sleep(30 * time.Millisecond)
	arrived := map[Datagram]bool{}
	for _, c := range append(k.inside.ears, k.peers.ears...) {
		b := make([]byte, 100)
		for {
			if err := c.SetReadDeadline(time.Now().Add(2 * time.Millisecond)); err != nil {
				k.t.Fatal(err)
			}
			n, _, err := c.ReadFrom(b)
			if err != nil {
				break
			}
			if d, known := sent[string(b[:n])]; known {
				arrived[d] = true
			}
		}
	}
	return arrived
}

// Agreement counts what was compared.
type Agreement struct{ Rulesets, Passed, Dropped int }

// Compare asks the kernel and the policy of a result about every datagram in a direction. Where
// no rule names the device, it has the groups of that name. text is the ruleset, for messages.
func (a *Agreement) Compare(k *Kernel, r convert.Result, group, text string,
	directions ...conntrack.Direction) {
	k.t.Helper()
	if len(r.Policy.Interfaces) == 0 {
		r.Attach(convert.Attachment{Device: KernelDevice, Groups: []string{group}})
	}
	if r.Policy == nil {
		k.t.Fatal(r.Problems)
	}
	rs := filter.Compile(r.Policy, member.Resolve(r.Policy, member.Facts{}))
	arrived := k.Ask()
	a.Rulesets++
	for _, dir := range directions {
		for _, peer := range KernelPeers {
			for _, port := range KernelPorts {
				got := arrived[Datagram{dir, peer, port}]
				if got {
					a.Passed++
				} else {
					a.Dropped++
				}
				if want := judged(rs, dir, netip.MustParseAddr(peer), port); got != want {
					k.t.Errorf("%v udp %d, peer %s: by the kernel it passes: %v, by the policy: %v\n%s", dir,
						port, peer, got, want, text)
				}
			}
		}
	}
}

// judged reports whether a datagram passes by the policy.
func judged(rs *filter.Ruleset, dir conntrack.Direction, peer netip.Addr, port int) bool {
	own := netip.MustParseAddr(kernelOwn4)
	if peer.Is6() {
		own = netip.MustParseAddr(kernelOwn6)
	}
	q := filter.Query{Device: KernelDevice, Direction: dir, Protocol: uint8(policy.UDP), Src: peer,
		Dst: own, SrcPort: 50000, DstPort: uint16(port)}
	if dir == conntrack.Egress {
		q.Src, q.Dst = own, peer
	}
	x := filter.Explain(rs, nil, 0, q)
	return x.Verdict.Accept()
}
