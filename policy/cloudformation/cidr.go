package cloudformation

import (
	"math/big"
	"net/netip"
	"strconv"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// cidr evaluates Fn::Cidr: the first networks within one, with so many bits for hosts.
func (s *stack) cidr(n []*tree.Node, in *scope, at policy.Pos) value {
	bad := func(why string) value { return value{kind: unknown, at: at, why: why} }
	if len(n) != 2 && len(n) != 3 {
		return bad("Fn::Cidr takes a block, a count and the bits of each")
	}
	var arguments [3]string
	for i := range n {
		v := s.eval(n[i], in)
		if v.kind == unknown {
			return v
		}
		if v.kind != text {
			return bad("an argument of Fn::Cidr is " + v.String())
		}
		arguments[i] = v.text
	}
	block, problem := policy.ParseCIDR(arguments[0])
	if problem != nil {
		return bad("Fn::Cidr: " + problem.Message)
	}
	count, err := strconv.Atoi(arguments[1])
	if err != nil || count < 1 || count > 256 {
		return bad("Fn::Cidr makes 1 to 256 networks, not " + policy.Quote(arguments[1]))
	}
	whole := block.Addr().BitLen()
	bits := 64 // of hosts: those of a subnet of IPv6
	if block.Addr().Is4() {
		bits = 8
	}
	if len(n) == 3 {
		if bits, err = strconv.Atoi(arguments[2]); err != nil || bits < 0 || bits > whole {
			return bad("Fn::Cidr: the bits are " + policy.Quote(arguments[2]))
		}
	}
	s.spend(at, 2*count)
	out := value{kind: list, at: at}
	first := new(big.Int).SetBytes(block.Addr().AsSlice())
	for i := range count {
		offset := new(big.Int).Lsh(big.NewInt(int64(i)), uint(bits))
		number := new(big.Int).Add(first, offset)
		if number.BitLen() > whole {
			return bad(sprintf("Fn::Cidr: %s has no %d networks of that size", block, count))
		}
		a, _ := netip.AddrFromSlice(number.FillBytes(make([]byte, whole/8)))
		p := netip.PrefixFrom(a, whole-bits)
		if bits > whole-block.Bits() || !block.Contains(a) {
			return bad(sprintf("Fn::Cidr: %s has no %d networks of that size", block, count))
		}
		out.items = append(out.items, textOf(at, p.String()))
	}
	return out
}
