package nft

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Watch calls back for each foreign transaction that left the table different from what
// was installed, until ctx is done; then it returns nil. Calls come from one goroutine at
// a time. Transactions in quick succession are reported once. After lost notifications
// the table is read again. An error means that it can watch no longer. The callback may
// call Apply.
func (t *Table) Watch(ctx context.Context, changed func(Change)) error {
	t.mu.Lock()
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: t.ns})
	t.mu.Unlock()
	if err != nil {
		return fmt.Errorf("watch nftables: %w", err)
	}
	defer conn.Close()
	if err := conn.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return fmt.Errorf("watch nftables: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	// The generation at the last look of this watch; calls of Verify do not count.
	var looked uint32
	look := func(c commitInfo) {
		var err error
		if looked, err = t.verify(); err != nil && ctx.Err() == nil {
			changed(Change{Err: err, Generation: c.id, PID: process(c.thread), Process: c.comm,
				Port: c.port})
		}
	}
	// What happened before the group was joined.
	look(commitInfo{})
	ours := false
	for {
		messages, err := conn.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			ours = false
			look(commitInfo{})
			continue
		case err != nil:
			return fmt.Errorf("watch nftables: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
				continue
			}
			if m.Header.Type&0xff != unix.NFT_MSG_NEWGEN {
				ours = ours || concerns(m)
				continue
			}
			// A transaction ends with its generation; only then is there something to see.
			if c, err := parseGeneration(m); err == nil && ours && (looked == 0 || int32(c.id-looked) > 0) {
				look(c)
			}
			ours = false
		}
	}
}

// concerns tells whether a notification is about our table: attribute 1 of all
// of them but NEWGEN is the name of a table.
func concerns(m netlink.Message) bool {
	ad, err := attributes(m)
	if err != nil || m.Data[0] != unix.NFPROTO_INET {
		return false
	}
	for ad.Next() {
		if ad.Type() == unix.NFTA_TABLE_NAME {
			return ad.String() == TableName
		}
	}
	return false
}
