package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// hook is a base chain of a position.
type hook struct {
	name string
	hook *nftables.ChainHook
	// in: packets to the server cross it; otherwise only answers do.
	in bool
}

func (p position) hooks() []hook {
	if p == host {
		return []hook{
			{"input", nftables.ChainHookInput, true},
			{"output", nftables.ChainHookOutput, false},
		}
	}
	return []hook{{"forward", nftables.ChainHookForward, true}}
}

// startNFTables installs a typical stateful firewall of a small server:
//
//	ct state established,related accept
//	ct state invalid drop
//	iifname "lo" accept
//	tcp dport 22 accept
//	tcp dport 5000-5999 accept
//	udp dport 5000-5999 accept
//	drop
//
// Towards the client there are only the first rule and an accept.
func startNFTables(_ context.Context, p *place) (*running, error) {
	return install(p, func(h hook) [][]expr.Any {
		state := func(bits uint32, kind expr.VerdictKind) []expr.Any {
			return append(inState(bits), verdict(kind))
		}
		rules := [][]expr.Any{
			state(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED, expr.VerdictAccept),
		}
		if !h.in {
			return append(rules, []expr.Any{verdict(expr.VerdictAccept)})
		}
		return append(rules,
			state(expr.CtStateBitINVALID, expr.VerdictDrop),
			[]expr.Any{
				&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: append([]byte("lo"), make([]byte, 14)...)},
				verdict(expr.VerdictAccept),
			},
			dport(unix.IPPROTO_TCP, 22, 22),
			dport(unix.IPPROTO_TCP, firstPort, lastPort),
			dport(unix.IPPROTO_UDP, firstPort, lastPort),
			[]expr.Any{verdict(expr.VerdictDrop)},
		)
	})
}

func verdict(kind expr.VerdictKind) expr.Any { return &expr.Verdict{Kind: kind} }

// dport accepts a protocol's destination ports.
func dport(proto byte, from, to uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: binary.BigEndian.AppendUint16(nil, from)},
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: binary.BigEndian.AppendUint16(nil, to)},
		verdict(expr.VerdictAccept),
	}
}

// install creates a table with a chain for each hook. The kernel removes it with the
// namespace.
func install(p *place, rules func(hook) [][]expr.Any) (*running, error) {
	c, err := nftables.New(nftables.WithNetNSFd(p.fw.NetNS()))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "bench"})
	for _, h := range p.pos.hooks() {
		chain := c.AddChain(&nftables.Chain{
			Table: t, Name: h.name, Type: nftables.ChainTypeFilter,
			Hooknum: h.hook, Priority: nftables.ChainPriorityFilter,
		})
		for _, r := range rules(h) {
			c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: r})
		}
	}
	if err := c.Flush(); err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return &running{stop: func() error { return nil }}, nil
}

// queueAll sends every packet of a position to queue number 0.
func queueAll(p *place) error {
	return queueWhere(p, func(hook) ([]expr.Any, bool) { return nil, true })
}

// queueNew sends the first packets of outgoing connections to queue number 0.
func queueNew(p *place) error {
	return queueWhere(p, func(h hook) ([]expr.Any, bool) {
		return inState(expr.CtStateBitNEW | expr.CtStateBitRELATED), !h.in
	})
}

// queueWhere installs a queue rule in each hook for which match returns true.
func queueWhere(p *place, match func(hook) ([]expr.Any, bool)) error {
	to := func(queue expr.Any) error {
		_, err := install(p, func(h hook) [][]expr.Any {
			if m, ok := match(h); ok {
				return [][]expr.Any{append(m, queue)}
			}
			return nil
		})
		return err
	}
	err := to(&expr.Queue{Num: 0, Total: 1})
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	// This kernel has no queue expression: struct xt_NFQ_info_v3 {queue number,
	// queues, flags}, u16 each in host order, padded to 8 bytes.
	info := make(xt.Unknown, 8)
	binary.NativeEndian.PutUint16(info[2:], 1)
	return to(&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info})
}

// inState matches packets whose state in the kernel's connection tracking is one of bits.
func inState(bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}
