package netlab

import (
	"context"
	"fmt"
	"time"
)

const (
	// settled is how long no multicast report may be sent for a lab to be quiet,
	// in wall time. Reports come within one tick of the kernel of each other, at
	// most 10 ms.
	settled    = 50 * time.Millisecond
	settlePoll = 5 * time.Millisecond
)

// Settle waits until the hosts have sent the multicast listener reports that
// follow the start of their links, some 50 ms after [Build]. They are the only
// packets that a lab sends by itself. A test that counts packets calls it first.
func (l *Lab) Settle(ctx context.Context) error {
	sent, since := int64(-1), time.Now()
	for {
		var now int64
		for _, h := range l.order {
			c, err := h.Counters()
			if err != nil {
				return err
			}
			now += c["Icmp6.OutMLDv2Reports"] + c["Icmp6.OutGroupMembResponses"] + c["IpExt.OutMcastPkts"]
		}
		if now != sent {
			sent, since = now, time.Now()
		} else if time.Since(since) >= settled {
			return nil
		}
		select {
		case <-time.After(settlePoll):
		case <-ctx.Done():
			return fmt.Errorf("netlab: settle: %w", ctx.Err())
		}
	}
}
