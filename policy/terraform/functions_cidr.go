package terraform

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"sgfw/policy"
)

var (
	prefixParam = function.Parameter{Name: "prefix", Type: cty.String}
	numberParam = function.Parameter{Name: "number", Type: cty.Number}
)

// network reads a prefix as Terraform does, host bits cleared.
func network(v cty.Value) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(v.AsString())
	if err != nil {
		_, bad := policy.ParseCIDR(v.AsString())
		if bad != nil {
			return p, errors.New(bad.Message)
		}
	}
	return p.Masked(), err
}

// whole is a whole number of an argument.
func whole(v cty.Value) (*big.Int, error) {
	n, exact := v.AsBigFloat().Int(nil)
	if n == nil || exact != big.Exact {
		return nil, errors.New("a number must be whole")
	}
	return n, nil
}

// offset is the address that lies n << shift behind a.
func offset(a netip.Addr, n *big.Int, shift int) (netip.Addr, bool) {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), new(big.Int).Lsh(n, uint(shift)))
	if sum.Sign() < 0 || sum.BitLen() > a.BitLen() {
		return a, false
	}
	return netip.AddrFromSlice(sum.FillBytes(make([]byte, a.BitLen()/8)))
}

var cidrHostFunc = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam, numberParam},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		p, err := network(args[0])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		n, err := whole(args[1])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		room := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
		if n.Sign() < 0 { // from the end
			n = new(big.Int).Add(room, n)
		}
		if n.Sign() < 0 || n.Cmp(room) >= 0 {
			return cty.UnknownVal(ty), fmt.Errorf("%s does not have that many addresses", p)
		}
		a, _ := offset(p.Addr(), n, 0)
		return cty.StringVal(a.String()), nil
	},
})

var cidrNetmaskFunc = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		p, err := network(args[0])
		if err != nil || !p.Addr().Is4() {
			return cty.UnknownVal(ty), errors.Join(err, errors.New("only IPv4 has netmasks"))
		}
		ones, _ := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(p.Bits())
		return cty.StringVal(ones.Addr().String()), nil
	},
})

// subnet is the network number n of those that are bits smaller.
func subnet(p netip.Prefix, bits int, n *big.Int) (netip.Prefix, error) {
	length := p.Bits() + bits
	if bits < 0 || length > p.Addr().BitLen() {
		return p, fmt.Errorf("%s cannot be extended by %d bits", p, bits)
	}
	if n.Sign() < 0 || n.BitLen() > bits {
		return p, fmt.Errorf("%s does not have that many networks of /%d", p, length)
	}
	a, _ := offset(p.Addr(), n, p.Addr().BitLen()-length)
	return netip.PrefixFrom(a, length), nil
}

// small is a number that is a length in bits.
func small(v cty.Value) (int, error) {
	n, err := whole(v)
	if err != nil || !n.IsInt64() || n.Int64() < 0 || n.Int64() > 128 {
		return 0, errors.New("a number of bits must be 0 to 128")
	}
	return int(n.Int64()), nil
}

var cidrSubnetFunc = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam, numberParam, numberParam},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		p, err := network(args[0])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		bits, err := small(args[1])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		n, err := whole(args[2])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		p, err = subnet(p, bits, n)
		return cty.StringVal(p.String()), err
	},
})

// cidrSubnetsFunc lays networks out one behind the other.
var cidrSubnetsFunc = function.New(&function.Spec{
	Params:   []function.Parameter{prefixParam},
	VarParam: &numberParam,
	Type:     function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		p, err := network(args[0])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		var out []cty.Value
		next := p.Addr()
		for _, arg := range args[1:] {
			bits, err := small(arg)
			length := p.Bits() + bits
			if err != nil || bits == 0 || length > p.Addr().BitLen() {
				return cty.UnknownVal(ty), fmt.Errorf("%s cannot be extended by %d bits", p, bits)
			}
			host := p.Addr().BitLen() - length
			network, _ := next.Prefix(length)
			if network.Addr() != next {
				a, ok := offset(network.Addr(), big.NewInt(1), host)
				if !ok {
					return cty.UnknownVal(ty), fmt.Errorf("%s has no room for a network of /%d", p, length)
				}
				network = netip.PrefixFrom(a, length)
			}
			if !next.IsValid() || !p.Contains(network.Addr()) {
				return cty.UnknownVal(ty), fmt.Errorf("%s has no room for a network of /%d", p, length)
			}
			out = append(out, cty.StringVal(network.String()))
			a, ok := offset(network.Addr(), big.NewInt(1), host)
			if !ok {
				a = netip.Addr{}
			}
			next = a
		}
		if len(out) == 0 {
			return cty.ListValEmpty(cty.String), nil
		}
		return cty.ListVal(out), nil
	},
})
