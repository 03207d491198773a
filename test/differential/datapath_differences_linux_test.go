package differential

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"sgfw/test/harness"
	"sgfw/test/naive"
	"sgfw/test/netlab"
)

// silence keeps what the machine says by itself, such as RST to who knocks, from going out:
// nobody asked it. That is before our chains, with a lower priority than theirs.
func silence(t *testing.T, h *netlab.Host) {
	t.Helper()
	c := harness.Nft(t, h)
	table := c.AddTable(&nftables.Table{Name: "muzzle", Family: nftables.TableFamilyINet})
	early := nftables.ChainPriority(-400)
	chain := c.AddChain(&nftables.Chain{Name: "output", Table: table,
		Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: &early})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(ownMark)},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// of is what is known of the conversation of a packet.
func (x *datapathTrial) of(p *naive.Packet) *datapathTalk {
	c := conversationOf(p)
	if x.known[c] == nil {
		x.known[c] = new(datapathTalk)
	}
	return x.known[c]
}

// compare holds against each other what arrived. Only what has ended may pass longer.
func (x *datapathTrial) compare(t *testing.T, s Step, passed [2]bool) bool {
	t.Helper()
	p := s.Packet
	subject := cmp.Or(p.Quote, p)
	x.history = append(x.history, past{conversationOf(subject),
		fmt.Sprintf("%v: %s, passed: %v", time.Since(x.begun).Round(time.Millisecond), s, passed)})
	talk := x.of(subject)
	row := ""
	switch {
	case passed[0] == passed[1]:
	case talk.apart:
		row = "after one of these"
	case talk.reset && passed[1]:
		row = "offload reset"
	case talk.ended && passed[1]:
		row = "offload ends"
	case p.Quote != nil || p.Flags&(naive.SYN|naive.ACK) != naive.SYN:
	case talk.reused: // it crosses the SYN of the other side, or not
		row = "offload reuse"
	case passed[1] && talk.opener.IsValid() && talk.opener != p.Src: // it crosses, for all it knows
		row = "offload handshake"
	}
	if row == "" && passed[0] != passed[1] {
		x.tell(t, fmt.Sprintf("userspace passes it: %t, offload: %t", passed[0], passed[1]))
		return false
	}
	if row != "" {
		x.sum.differs[row]++
		talk.apart = true
	}
	if p.Quote == nil && (passed[0] || passed[1]) {
		talk.learn(p)
	}
	talk.half = talk.half || !passed[0] && s.Hook == naive.Forward &&
		x.policy.Manages(s.In) != nil && x.policy.Manages(s.Out) != nil
	if talk.reset || talk.ended || talk.reused || talk.half || talk.apart {
		talk.loose++
	}
	return true
}

// learn notes a packet that passed.
func (k *datapathTalk) learn(p *naive.Packet) {
	if p.Protocol != naive.TCP {
		return
	}
	k.reset = k.reset || p.Flags&naive.RST != 0
	k.ended = k.ended || p.Flags&naive.FIN != 0
	if p.Flags&(naive.SYN|naive.ACK) == naive.SYN {
		k.reused = k.reused || k.passed > 1 || k.passed == 1 && k.syn != p.Seq
		if k.syn = p.Seq; k.passed == 0 {
			k.opener = p.Src
		}
	}
	k.passed++
}

// row is the row of docs/aws-parity.md about what differs in two states of one connection.
func (k *datapathTalk) row(userspace, offload string) string {
	var (
		opening = []string{"syn_sent", "syn_recv", "pickup", "established"}
		ending  = []string{"pickup", "established", "fin_wait", "close_wait", "last_ack", "time_wait"}
	)
	both := func(states []string) bool {
		return slices.Contains(states, userspace) && slices.Contains(states, offload)
	}
	switch {
	case userspace == "asked" && offload == "stream":
		return "offload stream"
	case both(opening):
		return "offload handshake"
	case k != nil && k.ended && both(ending):
		return "offload ends"
	case k != nil && k.reset:
		return "offload reset"
	}
	return ""
}

// refreshed is longer than what the kernel counted stays unread after somebody asked.
const refreshed = 150 * time.Millisecond

// countedTwice is how many packets the kernel counts though they were judged, where the flow
// that would take them off is another one by then: one for each direction, as the last and
// as the next one between these ports began to be carried.
const countedTwice = 4

// agree holds the flows and the verdicts of both machines against each other.
func (x *datapathTrial) agree(t *testing.T, sum *datapathSum) bool {
	t.Helper()
	var flows [2]map[string]harness.ListedFlow
	var status [2]harness.StatusDocument
	time.Sleep(refreshed)
	for i, s := range x.sides {
		flows[i] = make(map[string]harness.ListedFlow)
		for _, f := range s.daemon.Flows() {
			flows[i][keyOf(f)] = f
		}
		status[i] = s.daemon.Status()
	}
	loose, twice := 0, 0
	for _, k := range x.known {
		if loose += k.loose; k.loose > 0 {
			twice += countedTwice
		}
	}
	for key, u := range flows[0] {
		x.sameFlow(t, key, u, flows[1])
	}
	for key, o := range flows[1] {
		if _, ok := flows[0][key]; !ok && !x.excused(o) {
			x.tellOf(t, fmt.Sprintf("only offload has the flow %+v", o), conversationIn(o))
		}
	}
	differ := 0
	for _, n := range x.sum.differs {
		differ += n
	}
	verdicts, reasons := make(map[string][2]uint64), make(map[string][2]uint64)
	for i, s := range status {
		for _, v := range s.Verdicts {
			for what, list := range map[string]map[string][2]uint64{
				v.Verdict: verdicts, v.Verdict + " for " + v.Reason: reasons} {
				n := list[what]
				n[i] += v.Packets
				list[what] = n
			}
		}
	}
	within(t, verdicts, differ+twice)
	within(t, reasons, loose)
	if status[1].Offload == nil {
		t.Fatal("the datapath is not offload")
	}
	sum.carried += int(status[1].Offload.Packets)
	sum.packets, sum.passed = sum.packets+x.sum.packets, sum.passed+x.sum.passed
	sum.flows, sum.connections = sum.flows+x.sum.flows, sum.connections+x.sum.connections
	sum.apart += x.sum.apart
	for name, n := range x.sum.differs {
		sum.differs[name] += n
	}
	for name, n := range x.sum.states {
		sum.states[name] += n
	}
	return !t.Failed()
}

// within fails unless the counts of both sides are next to each other.
func within(t *testing.T, counts map[string][2]uint64, most int) {
	t.Helper()
	for what, n := range counts {
		if max(n[0], n[1])-min(n[0], n[1]) > uint64(most) {
			t.Errorf("%s: %d in userspace, %d with offload, where %d may differ", what, n[0], n[1], most)
		}
	}
}

// keyOf is what a flow has alone.
func keyOf(f harness.ListedFlow) string {
	key := fmt.Sprintf("%s %s %s-%s", f.Interface, f.Protocol, f.Local, f.Remote)
	if f.ICMPID != nil {
		key += fmt.Sprint(" id ", *f.ICMPID)
	}
	if f.ICMPType != nil {
		key += fmt.Sprint(" type ", *f.ICMPType)
	}
	return key
}
