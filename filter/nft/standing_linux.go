package nft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"sgfw/filter/offload"
)

// Inspect looks at our tables in a namespace, as they are: also those of another version
// of the program, as far as it understands them. Without CAP_NET_ADMIN the error is
// os.ErrPermission.
func Inspect(opts ...Option) (Standing, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := dial(o.ns)
	if err != nil {
		return Standing{}, err
	}
	defer s.CloseLasting()
	var out Standing
	for _, table := range []string{TableName, closedTable} {
		st, err := s.table(table)
		switch {
		case err != nil:
			return Standing{}, err
		case !st.exists:
			continue
		case st.flags&tableOwner != 0:
			out.Owner = &OwnedError{Port: st.owner, PID: ownerPID(o.ns, st.owner)}
		}
		out.Tables = append(out.Tables, tableTitle(table))
		if err := s.inspect(table, &out); err != nil {
			return Standing{}, fmt.Errorf("look at table inet %s: %w", table, err)
		}
	}
	slices.Sort(out.Numbers)
	out.Numbers = slices.Compact(out.Numbers)
	slices.Sort(out.Devices)
	out.Devices = slices.Compact(out.Devices)
	return out, nil
}

// tableTitle is a table as people write it.
func tableTitle(name string) string { return "table inet " + name }

// inspect adds what the rules of one table do.
func (s *socket) inspect(table string, out *Standing) error {
	chains, err := s.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return err
	}
	for _, c := range chains {
		// What comes in through a device is taken in one of two hooks, as its view is.
		comesIn := c.Name == chainInput || c.Name == chainPrerouting
		asks := c.Name == chainVerdict || c.Name == offload.ChainAsk
		if c.Table.Name != table || !comesIn && !asks {
			continue
		}
		rules, err := s.GetRules(c.Table, c)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if comesIn {
				err = s.inspectDevices(table, r, out)
			} else {
				inspectVerdict(r, out)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// inspectDevices adds the devices that a rule sends on to another chain, see
// [dispatch.matching].
func (s *socket) inspectDevices(table string, r *nftables.Rule, out *Standing) error {
	device, numbered := "*", false
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Meta:
			numbered = e.Key == expr.MetaKeyIIF
		case *expr.Cmp:
			if e.Op == expr.CmpOpEq {
				device = comparedDevice(e.Data)
			}
		case *expr.Lookup:
			chains, err := s.readMap(table, e.SetName)
			if err != nil {
				return err
			}
			for key := range chains {
				if numbered {
					out.Numbers = append(out.Numbers, numberIn(key))
				} else {
					out.Devices = append(out.Devices, key)
				}
			}
		case *expr.Verdict:
			if e.Kind == expr.VerdictGoto && e.Chain != offload.ChainDecided {
				out.Devices = append(out.Devices, device)
			}
		}
	}
	return nil
}

// numberIn is the number of a device as text has it, see [Device.numberKey].
func numberIn(key string) uint32 {
	data := make([]byte, 4)
	copy(data, key)
	return binary.NativeEndian.Uint32(data)
}

// comparedDevice is the device that a name is compared with, see [Device.compared].
func comparedDevice(data []byte) string {
	if len(data) == unix.IFNAMSIZ {
		return text(data)
	}
	return string(bytes.TrimRight(data, "\x00")) + "*"
}

// inspectVerdict adds what becomes of the packets.
func inspectVerdict(r *nftables.Rule, out *Standing) {
	queue := func(first, total, flags uint16) {
		out.QueueBase, out.QueueCount, out.Bypass = first, total, flags&queueBypass != 0
	}
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Verdict:
			out.Drops = out.Drops || e.Kind == expr.VerdictDrop
		case *expr.Queue:
			queue(e.Num, e.Total, uint16(e.Flag))
		case *expr.Target:
			if info, ok := e.Info.(*xt.Unknown); ok && e.Name == "NFQUEUE" && len(*info) >= 6 {
				b := *info
				queue(binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:]),
					binary.NativeEndian.Uint16(b[4:]))
			}
		}
	}
}
