package offload

import (
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Owner is the table that has the sets.
type Owner interface {
	// Transact sends messages as one transaction of nftables, and returns what the kernel
	// answers beside errors and acknowledgements.
	Transact(messages []netlink.Message) ([]netlink.Message, error)
}

// Sets are the sets in the kernel. The methods are for one goroutine at a time.
type Sets struct {
	table string
	owner Owner
	cfg   Config
	conn  *netlink.Conn
	// resets: counters can be read and begun anew at once (Linux 6.5).
	resets bool
	// destroys: an element that is gone already can be removed (Linux 6.3).
	destroys bool
	buffer   []byte
}

// perMessage bounds the elements of one message that removes them: the attribute that has
// them is at most 64 KiB long.
const perMessage = 512

// Open returns the sets of a table in the network namespace of the calling thread, or of a
// descriptor other than 0.
func Open(table string, owner Owner, cfg Config, ns int) (*Sets, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: ns})
	if err != nil {
		return nil, fmt.Errorf("sets of carried flows: %w", err)
	}
	return &Sets{table: table, owner: owner, cfg: cfg, conn: conn, resets: true, destroys: true,
		buffer: make([]byte, dumpLen(table))}, nil
}

// Close closes the socket. The sets stay.
func (s *Sets) Close() error { return s.conn.Close() }

// Account takes what passed on a path.
type Account func(Path, Seen)

// Usage is what a set holds.
type Usage struct {
	Elements, Size int
}

// Collect reads the sets of a kind: it hands over what passed since it was last read, and
// removes elements that would end within margin, so that what they pass until then is told as
// well. Those that nothing used since, and whose flow does not go on, are left to end: after a
// flood of short connections they are nearly all, and to remove one costs more than a packet.
// It returns how much is in use of the family that uses more.
func (s *Sets) Collect(k Kind, margin time.Duration, account Account,
	goesOn func(Path) bool) (Usage, error) {
	used := Usage{Size: int(s.cfg.size(k))}
	for f := range families {
		all := 0
		for _, of := range s.cfg.shards(k, f) {
			n, err := s.collect(of, margin, account, goesOn)
			if err != nil {
				return used, fmt.Errorf("set %s: %w", of.name(), err)
			}
			all += n
		}
		used.Elements = max(used.Elements, all)
	}
	return used, nil
}

// collect is Collect of one set.
func (s *Sets) collect(of set, margin time.Duration, account Account,
	goesOn func(Path) bool) (n int, err error) {
	matters := func(e element) bool {
		if e.packets > 0 || !s.resets {
			return true
		}
		p, err := parseKey(of.family, e.key)
		return err == nil && goesOn(p)
	}
	var ending [][]byte
	visit := func(e element) {
		n++
		if s.resets {
			s.account(of, e, account)
		}
		if e.expires < margin && matters(e) {
			ending = append(ending, append([]byte(nil), e.key...))
		}
	}
	if err = s.dump(of, visit); errors.Is(err, unix.EINVAL) && s.resets {
		s.resets, n, ending = false, 0, nil
		err = s.dump(of, visit)
	}
	if err != nil || len(ending) == 0 {
		return n, err
	}
	return n, s.remove(of, ending, account)
}

// account hands over the counts of an element.
func (s *Sets) account(of set, e element, account Account) {
	if e.packets == 0 && e.bytes == 0 {
		return
	}
	if p, err := parseKey(of.family, e.key); err == nil {
		account(p, Seen{Packets: e.packets, Bytes: e.bytes, Handshake: of.kind == Answer})
	}
}

// End takes both directions of flows back from the kernel, of which a path is given, and hands
// over what they counted since they were last read.
func (s *Sets) End(paths []Path, account Account) error {
	type place struct {
		family Family
		shard  int
	}
	keys := make(map[place][][]byte)
	for i := range paths {
		p := &paths[i]
		back := Path{In: p.Out, Out: p.In, Src: p.Dst, Dst: p.Src, SrcPort: p.DstPort,
			DstPort: p.SrcPort, Proto: p.Proto}
		f := familyOf(p)
		for _, k := range [][]byte{key(p), key(&back)} {
			at := place{f, s.cfg.shardOf(f, k)}
			keys[at] = append(keys[at], k)
		}
	}
	for at, list := range keys {
		for k := range kinds {
			of := set{k, at.family, at.shard}
			if err := s.remove(of, list, account); err != nil {
				return fmt.Errorf("set %s: %w", of.name(), err)
			}
		}
	}
	return nil
}

// remove removes elements and hands over what they counted until then. Where the kernel
// refuses to remove some because one has gone by itself, they are left to end, and what they
// counted is not told.
func (s *Sets) remove(of set, keys [][]byte, account Account) error {
	for len(keys) > 0 {
		part := keys[:min(perMessage, len(keys))]
		keys = keys[len(part):]
		var list []byte
		for _, k := range part {
			value := appendAttr(nil, unix.NFTA_DATA_VALUE, k)
			list = appendAttr(list, unix.NLA_F_NESTED|1,
				appendAttr(nil, unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_KEY, value))
		}
		answers, err := s.transactRemoval(of, list)
		if err != nil && !s.destroys && errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("remove elements: %w", err)
		}
		s.removed(of, answers, account)
	}
	return nil
}

// removed hands over what the elements had counted that the kernel says it has removed.
func (s *Sets) removed(of set, answers []netlink.Message, account Account) {
	for _, m := range answers {
		if m.Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_DELSETELEM &&
			len(m.Data) >= genHeaderLen {
			eachElement(m.Data[genHeaderLen:], func(e element) { s.account(of, e, account) })
		}
	}
}

// transactRemoval asks for the removal of a list of elements.
func (s *Sets) transactRemoval(of set, list []byte) ([]netlink.Message, error) {
	kind := unix.NFT_MSG_DELSETELEM
	if s.destroys {
		kind = msgDestroyElement
	}
	answers, err := s.owner.Transact([]netlink.Message{{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | netlink.Acknowledge | netlink.Echo,
		},
		Data: appendAttr(aboutSet(s.table, of.name()),
			unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_LIST_ELEMENTS, list),
	}})
	if s.destroys && errors.Is(err, unix.EINVAL) { // an older kernel knows no such message
		s.destroys = false
		return s.transactRemoval(of, list)
	}
	return answers, err
}

// mostTold is how many elements of a set a Flush tells of: the kernel tells of all of them at
// once, and what finds no room in the socket is lost.
const mostTold = 2048

// Flush empties all sets: what is sent after it returned is judged. It hands over what they
// counted since they were last read, but for those of a set that has more than 2,048 elements.
func (s *Sets) Flush(account Account) error {
	for _, of := range s.cfg.sets() {
		m := flush(s.table, of.name())
		n := 0
		if err := s.dump(of, func(e element) {
			n++
			if s.resets {
				s.account(of, e, account)
			}
		}); err != nil {
			n = mostTold + 1 // it is to be empty, whatever it tells
		}
		if n <= mostTold {
			m.Header.Flags |= netlink.Echo
		}
		answers, err := s.owner.Transact([]netlink.Message{m})
		if err != nil {
			return fmt.Errorf("empty the sets of carried flows: %w", err)
		}
		s.removed(of, answers, account)
	}
	return nil
}

// Flushes are messages that empty those of the sets of a table that are ours, one for each.
func Flushes(table string, sets []string) (out []netlink.Message) {
	for _, name := range sets {
		if IsSet(name) && name != setServing {
			out = append(out, flush(table, name))
		}
	}
	return out
}

func flush(table, set string) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{
			Type:  unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELSETELEM,
			Flags: netlink.Request | netlink.Acknowledge,
		},
		Data: aboutSet(table, set),
	}
}
