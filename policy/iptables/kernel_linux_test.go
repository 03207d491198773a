package iptables

import (
	"fmt"
	"math/rand/v2"
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

// What the kernel is asked about.
var (
	askedPorts   = []int{1000, 1001, 1005, 2000, 2001, 3000, 40000}
	askedSources = []string{"10.0.0.2", "10.0.0.77", "10.0.0.130", "10.0.0.200", "10.0.0.254"}
)

// TestKernelAgrees: random rules are given to the kernel by iptables-restore. Of datagrams
// that begin flows, those arrive that the imported policy lets in, and no others.
func TestKernelAgrees(t *testing.T) {
	if _, err := exec.LookPath("iptables-restore"); err != nil || os.Getuid() != 0 {
		t.Skip("NOT TESTED against the kernel: it needs iptables-restore (iptables) and root")
	}
	here, there := make(chan error), make(chan error)
	var listeners []net.PacketConn
	inside := make(chan func() error) // run in the namespace that is protected
	defer close(inside)
	tid := make(chan int)
	var senders = map[string]*net.UDPAddr{}
	jobs := make(chan func() error) // run in that of the senders
	defer close(jobs)
	thread := func(work chan func() error, done chan error) {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		tid <- unix.Gettid()
		for f := range work {
			done <- f()
		}
	}
	run := func(in chan func() error, done chan error, f func() error) {
		t.Helper()
		in <- f
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	sh := func(script string) func() error {
		return func() error {
			if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", script, err, out)
			}
			return nil
		}
	}
	go thread(inside, here)
	<-tid
	go thread(jobs, there)
	other := <-tid
	run(inside, here, sh(fmt.Sprintf("ip link add v0 type veth peer name v1 netns /proc/%d/ns/net\n"+
		"ip addr add 10.0.0.1/24 dev v0; ip link set v0 up; ip link set lo up", other)))
	up := "ip link set v1 up\n"
	for _, s := range askedSources {
		up += "ip addr add " + s + "/24 dev v1\n"
		senders[s] = &net.UDPAddr{IP: net.ParseIP(s)}
	}
	run(jobs, there, sh(up))
	run(inside, here, func() error {
		for _, port := range askedPorts {
			c, err := net.ListenPacket("udp4", fmt.Sprintf("10.0.0.1:%d", port))
			if err != nil {
				return err
			}
			listeners = append(listeners, c)
		}
		return nil
	})
	random := rand.New(rand.NewPCG(1, 2))
	imported, passed, dropped := 0, 0, 0
	for round := range 40 {
		text := randomRules(random)
		r := Import([]convert.Source{{Name: "iptables", Data: []byte(text)}}, convert.Options{})
		if r.Policy == nil {
			continue // too many rules would be left, say
		}
		imported++
		run(inside, here, func() error {
			c := exec.Command("iptables-restore")
			c.Stdin = strings.NewReader(text)
			if out, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s\n%s", err, out, text)
			}
			return nil
		})
		run(jobs, there, func() error {
			for _, s := range askedSources {
				for _, port := range askedPorts {
					c, err := net.DialUDP("udp4", senders[s],
						&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port})
					if err != nil {
						return err
					}
					fmt.Fprintf(c, "%d %s %d", round, s, port)
					c.Close()
				}
			}
			return nil
		})
		time.Sleep(30 * time.Millisecond)
		arrived := map[string]bool{}
		for _, l := range listeners {
			b := make([]byte, 100)
			for {
				if err := l.SetReadDeadline(time.Now().Add(2 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				n, _, err := l.ReadFrom(b)
				if err != nil {
					break
				}
				arrived[string(b[:n])] = true
			}
		}
		verdict := verdicts(t, r)
		for _, s := range askedSources {
			for _, port := range askedPorts {
				got := arrived[fmt.Sprintf("%d %s %d", round, s, port)]
				if got {
					passed++
				} else {
					dropped++
				}
				if got != verdict(s, port) {
					t.Errorf("udp %d from %s: the kernel lets it in: %v, the policy: %v\n%s", port, s, got,
						!got, text)
				}
			}
		}
	}
	t.Logf("%d rulesets, %d datagrams passed and %d did not", imported, passed, dropped)
	if imported < 20 || passed < 100 || dropped < 100 {
		t.Error("this shows little")
	}
}

// verdicts asks the imported policy.
func verdicts(t *testing.T, r convert.Result) func(source string, port int) bool {
	t.Helper()
	if len(r.Policy.Interfaces) == 0 { // no rule names the device
		r.Attach(convert.Attachment{Device: "v0", Groups: []string{"iptables"}})
	}
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	rs := filter.Compile(r.Policy, member.Resolve(r.Policy, member.Facts{}))
	return func(source string, port int) bool {
		x := filter.Explain(rs, nil, 0, filter.Query{Device: "v0", Direction: conntrack.Ingress,
			Protocol: uint8(policy.UDP), Src: netip.MustParseAddr(source),
			Dst: netip.MustParseAddr("10.0.0.1"), SrcPort: 50000, DstPort: uint16(port)})
		return x.Verdict.Accept()
	}
}

// randomRules are rules as people write them, with chains of their own, in an order that
// matters.
func randomRules(r *rand.Rand) string {
	pick := func(l ...string) string { return l[r.IntN(len(l))] }
	rule := func(chain string, targets ...string) string {
		return "-A " + chain +
			pick("", "", " -s 10.0.0.0/25", " -s 10.0.0.128/25", " ! -s 10.0.0.0/26", " -i v0", " ! -i lo",
				" -s 10.0.0.192/26", " -m iprange --src-range 10.0.0.70-10.0.0.140") +
			pick("", " -p udp", " -p udp -m udp --dport 1000:1004",
				" -p udp -m multiport --dports 2000,3000",
				" -p udp -m udp ! --dport 2001", " -p tcp -m tcp --dport 1000", " -p udp -m udp --dport 40000",
				" -p udp -m conntrack --ctstate NEW", " ! -p tcp") +
			" -j " + pick(targets...) + "\n"
	}
	text := "# Generated by iptables-save\n*filter\n:INPUT " + pick("DROP", "DROP", "ACCEPT") +
		" [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n" +
		"-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n"
	for range 1 + r.IntN(6) {
		text += rule("INPUT", "ACCEPT", "ACCEPT", "DROP", "A", "B", "REJECT")
	}
	for range r.IntN(4) {
		text += rule("A", "ACCEPT", "RETURN", "DROP", "B", "LOG")
	}
	for range r.IntN(3) {
		text += rule("B", "ACCEPT", "RETURN", "DROP")
	}
	return text + "COMMIT\n"
}
