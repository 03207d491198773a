package offload

import (
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// This file is about a daemon that is stuck: the kernel lets packets pass that would wait for
// it. Who is stuck, or suspended, can change no rule. So the kernel feels its pulse: an element
// of a set that the daemon has put there, and that runs out by itself. It counts only while
// the daemon lives, see Alive: a dead one is not stuck.

// servingKey is that of the element.
const servingKey = 1

// stuck lets packets pass while the daemon lives and the element is not there.
func stuck() Rule {
	return Rule{load(expr.MetaKeyPRIORITY), masked(Alive), unequal(0),
		&expr.Immediate{Register: regWord, Data: word(servingKey)},
		&expr.Lookup{SourceRegister: regWord, SetName: setServing, Invert: true},
		count(CounterStuck), accept()}
}

// DeclarePulse is the set of the pulse with its element, to be created in a table before its
// rules. The element is there from the first packet on, for so long.
func DeclarePulse(table *nftables.Table, lasts time.Duration) (*nftables.Set,
	[]nftables.SetElement) {
	return &nftables.Set{Table: table, Name: setServing, KeyType: nftables.TypeInteger,
			HasTimeout: true},
		[]nftables.SetElement{{Key: word(servingKey), Timeout: lasts}}
}

// Pulse says that every queue is served, for so long: in one transaction, so that no packet
// finds the element missing.
func Pulse(table string, owner Owner, lasts time.Duration) error {
	key := appendAttr(nil, unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_KEY,
		appendAttr(nil, unix.NFTA_DATA_VALUE, word(servingKey)))
	e := appendAttr(key, unix.NFTA_SET_ELEM_TIMEOUT, milliseconds(lasts))
	add := appendAttr(aboutSet(table, setServing), unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_LIST_ELEMENTS,
		appendAttr(nil, unix.NLA_F_NESTED|1, e))
	message := func(kind int, flags netlink.HeaderFlags, data []byte) netlink.Message {
		return netlink.Message{Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | netlink.Acknowledge | flags,
		}, Data: data}
	}
	// An element that is there keeps its time. Without a list all of a set is removed.
	_, err := owner.Transact([]netlink.Message{
		message(unix.NFT_MSG_DELSETELEM, 0, aboutSet(table, setServing)),
		message(unix.NFT_MSG_NEWSETELEM, netlink.Create, add),
	})
	if err != nil {
		return fmt.Errorf("set %s: %w", setServing, err)
	}
	return nil
}
