package nft

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/filter/offload"
)

// mapLength bounds the devices of one map, because all its elements travel in
// one netlink attribute of at most 64 KiB.
const mapLength = 512

// chainMap sends packets to a chain in one look-up: by their device's name or number, as a
// rule for each device would cost every packet of the machine some 50 ns, or by the number of
// a shard. It is an anonymous constant map: it belongs to the rule that uses it, is deleted
// with it, and cannot be changed.
type chainMap struct {
	// id tells the maps of one transaction apart; the kernel gives the names.
	id     uint32
	keys   nftables.SetDatatype
	chains map[string]string // by key, as text has it
}

// deviceMap is one by names or numbers of devices, as a rule loads them.
func deviceMap(id uint32, key expr.MetaKey) chainMap {
	m := chainMap{id, nftables.TypeIFName, make(map[string]string)}
	if key == expr.MetaKeyIIF || key == expr.MetaKeyOIF {
		m.keys = nftables.TypeIFIndex
	}
	return m
}

// shardMap is one by the numbers of shards.
func shardMap(of offload.Map) chainMap {
	m := chainMap{of.ID, nftables.TypeInteger, make(map[string]string)}
	for i, chain := range of.Chains {
		m.chains[text(binary.NativeEndian.AppendUint32(nil, uint32(i)))] = chain
	}
	return m
}

// lookup is the expression that uses the map.
func (m chainMap) lookup() expr.Any {
	return &expr.Lookup{SourceRegister: reg, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true,
		SetName: offload.MapName, SetID: m.id}
}

// add creates the map in the transaction that is being filled.
func (m chainMap) add(s *socket, table *nftables.Table) error {
	var elements []nftables.SetElement
	for k, chain := range m.chains {
		key := make([]byte, m.keys.Bytes)
		copy(key, k)
		elements = append(elements, nftables.SetElement{
			Key: key, VerdictData: goTo(chain).(*expr.Verdict)})
	}
	return s.AddSet(&nftables.Set{
		Table: table, ID: m.id, Name: offload.MapName, Anonymous: true, Constant: true, IsMap: true,
		KeyType: m.keys, DataType: nftables.TypeVerdict,
	}, elements)
}

// equal compares with what the kernel shows.
func (m chainMap) equal(have map[string]string) bool { return maps.Equal(m.chains, have) }

// marshal is an expression as the kernel shows it, without the name of a map, which the
// kernel chooses.
func marshal(e expr.Any) ([]byte, error) {
	switch e := e.(type) {
	case *expr.Dynset:
		return marshalDynset(e)
	case *expr.Hash:
		return marshalHash(e)
	}
	l, ok := e.(*expr.Lookup)
	if !ok {
		return expr.Marshal(unix.NFPROTO_INET, e)
	}
	attrs := []netlink.Attribute{
		{Type: unix.NFTA_LOOKUP_SREG, Data: binary.BigEndian.AppendUint32(nil, l.SourceRegister)}}
	if l.IsDestRegSet {
		attrs = append(attrs, netlink.Attribute{Type: unix.NFTA_LOOKUP_DREG,
			Data: binary.BigEndian.AppendUint32(nil, l.DestRegister)})
	} else {
		attrs = append(attrs, name(unix.NFTA_LOOKUP_SET, l.SetName))
	}
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{
		name(unix.NFTA_EXPR_NAME, "lookup"), {Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data},
	})
}

// marshalDynset is an expression that adds to a set, without the number of the set, which
// the kernel does not show.
func marshalDynset(d *expr.Dynset) ([]byte, error) {
	data, err := netlink.MarshalAttributes([]netlink.Attribute{
		name(unix.NFTA_DYNSET_SET_NAME, d.SetName),
		{Type: unix.NFTA_DYNSET_OP, Data: binary.BigEndian.AppendUint32(nil, d.Operation)},
		{Type: unix.NFTA_DYNSET_SREG_KEY, Data: binary.BigEndian.AppendUint32(nil, d.SrcRegKey)},
		{Type: unix.NFTA_DYNSET_TIMEOUT,
			Data: binary.BigEndian.AppendUint64(nil, uint64(d.Timeout.Milliseconds()))},
	})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{
		name(unix.NFTA_EXPR_NAME, "dynset"), {Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data},
	})
}

// marshalHash is a hash, without the offset 0, which the kernel does not show.
func marshalHash(h *expr.Hash) ([]byte, error) {
	number := func(kind uint16, v uint32) netlink.Attribute {
		return netlink.Attribute{Type: kind, Data: binary.BigEndian.AppendUint32(nil, v)}
	}
	data, err := netlink.MarshalAttributes([]netlink.Attribute{
		number(unix.NFTA_HASH_SREG, h.SourceRegister), number(unix.NFTA_HASH_DREG, h.DestRegister),
		number(unix.NFTA_HASH_LEN, h.Length), number(unix.NFTA_HASH_MODULUS, h.Modulus),
		number(unix.NFTA_HASH_SEED, h.Seed), number(unix.NFTA_HASH_TYPE, uint32(h.Type)),
	})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{
		name(unix.NFTA_EXPR_NAME, "hash"), {Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data},
	})
}

// usedMap returns the name of the map that a rule uses, "" for none.
func usedMap(exprs []byte) (string, error) {
	list, err := netlink.UnmarshalAttributes(exprs)
	if err != nil {
		return "", fmt.Errorf("expressions of a rule: %w", err)
	}
	for _, e := range list {
		parts, err := nested(e.Data, unix.NFTA_EXPR_NAME, unix.NFTA_EXPR_DATA)
		if err != nil {
			return "", err
		}
		if text(parts[0]) != "lookup" {
			continue
		}
		used, err := nested(parts[1], unix.NFTA_LOOKUP_SET)
		if err != nil {
			return "", err
		}
		if set := text(used[0]); !offload.IsSet(set) {
			return set, nil
		}
	}
	return "", nil
}

// readMap reads a map of a table: chains by key, as text has it.
func (s *socket) readMap(table, set string) (map[string]string, error) {
	answers, err := s.raw.Execute(message(unix.NFT_MSG_GETSETELEM, netlink.Dump, []netlink.Attribute{
		name(unix.NFTA_SET_ELEM_LIST_TABLE, table), name(unix.NFTA_SET_ELEM_LIST_SET, set)}))
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%w: map %s", ErrMissing, set)
	}
	if err != nil {
		return nil, fmt.Errorf("read map %s: %w", set, err)
	}
	chains := make(map[string]string)
	for _, m := range answers {
		if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM {
			continue
		}
		lists, err := nested(body(m), unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		if err != nil {
			return nil, err
		}
		elements, err := netlink.UnmarshalAttributes(lists[0])
		if err != nil {
			return nil, fmt.Errorf("read map %s: %w", set, err)
		}
		for _, e := range elements {
			key, chain, err := mapElement(e.Data)
			if err != nil {
				return nil, fmt.Errorf("read map %s: %w", set, err)
			}
			chains[key] = chain
		}
	}
	return chains, nil
}

// mapElement decodes one element: the key and its chain. A verdict that is no goto
// has no chain, and so differs from every planned one.
func mapElement(b []byte) (of, chain string, err error) {
	parts, err := nested(b, unix.NFTA_SET_ELEM_KEY, unix.NFTA_SET_ELEM_DATA)
	if err != nil {
		return "", "", err
	}
	key, err := nested(parts[0], unix.NFTA_DATA_VALUE)
	if err != nil {
		return "", "", err
	}
	data, err := nested(parts[1], unix.NFTA_DATA_VERDICT)
	if err != nil {
		return "", "", err
	}
	verdict, err := nested(data[0], unix.NFTA_VERDICT_CODE, unix.NFTA_VERDICT_CHAIN)
	if err != nil {
		return "", "", err
	}
	if code := verdict[0]; len(code) != 4 || int32(binary.BigEndian.Uint32(code)) != unix.NFT_GOTO {
		return text(key[0]), "", nil
	}
	return text(key[0]), text(verdict[1]), nil
}

// nested returns the values of attributes by kind, nil for those that are not there.
func nested(b []byte, kinds ...uint16) ([][]byte, error) {
	list, err := netlink.UnmarshalAttributes(b)
	if err != nil {
		return nil, fmt.Errorf("nftables attributes: %w", err)
	}
	out := make([][]byte, len(kinds))
	for _, a := range list {
		for i, k := range kinds {
			if a.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == k {
				out[i] = a.Data
			}
		}
	}
	return out, nil
}

// text is a name without its padding, or what tells a number from others of its length.
func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
