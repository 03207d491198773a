package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"sgfw/cmd/internal/resolvers"
)

// nameServers reads which name servers the machine uses, and says why they are
// not known, "" if they are.
func (d *daemon) nameServers() (list []netip.Addr, unread string) {
	list, err := cmp.Or(d.cfg.Resolvers, resolvers.SystemFiles).Read()
	if err != nil {
		unread = err.Error()
	}
	return list, unread
}

// followResolvers follows the name servers. A failure ends nothing: it is tried
// again, and each try looks.
func (d *daemon) followResolvers(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := cmp.Or(d.cfg.Resolvers, resolvers.SystemFiles).Follow(ctx, d.resolversChanged); err != nil {
			d.log.Warn("following the name servers failed", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(rewatch):
			}
		}
	}
	return nil
}

// resolversChanged puts other name servers in force.
func (d *daemon) resolversChanged() {
	list, unread := d.nameServers()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping || slices.Equal(list, d.facts.resolvers) && unread == d.facts.unread {
		return
	}
	d.facts.resolvers, d.facts.unread = list, unread
	if d.current.policy.Settings.Exempt == 0 {
		return
	}
	next := *d.current
	next.rs = d.facts.bind(next.base)
	d.engine.Publish(next.rs)
	d.current = &next
	d.log.Info("name servers changed", "servers", list)
	d.logNotify(d.notify.status(d.line()))
}
