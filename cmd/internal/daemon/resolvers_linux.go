package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"sgfw/cmd/internal/host/resolvers"
	"sgfw/policy"
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

// followResolvers follows the name servers. A failure ends nothing: where they
// cannot be watched, they are looked at now and then.
func (d *daemon) followResolvers(ctx context.Context) error {
	said := ""
	for ctx.Err() == nil {
		if err := cmp.Or(d.cfg.Resolvers, resolvers.SystemFiles).Follow(ctx, d.resolversChanged); err != nil {
			if err.Error() != said && d.exemptsResolvers() {
				said = err.Error()
				d.log.Warn("the files that name the name servers are not watched", "error", err, "looked_at_every", rewatch)
			}
			d.resolversChanged()
			select {
			case <-ctx.Done():
			case <-time.After(rewatch):
			}
		}
	}
	return nil
}

func (d *daemon) exemptsResolvers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current.policy.Settings.Exempt.Has(policy.ExemptResolvers)
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
	if !d.current.policy.Settings.Exempt.Has(policy.ExemptResolvers) {
		return
	}
	next := *d.current
	next.rs = d.facts.bind(next.base)
	d.engine.Publish(next.rs)
	d.current = &next
	d.log.Info("name servers changed", "servers", list)
	d.logNotify(d.notify.status(d.line()))
}
