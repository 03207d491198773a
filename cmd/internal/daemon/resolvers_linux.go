package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"sgfw/cmd/internal/host/resolvers"
	"sgfw/policy"
)

// nameServers reads which name servers the machine uses.
func (d *daemon) nameServers() ([]netip.Addr, error) {
	return cmp.Or(d.cfg.Resolvers, resolvers.SystemFiles).Read()
}

// followResolvers follows the name servers. A failure ends nothing: where they
// cannot be watched, they are looked at now and then.
func (d *daemon) followResolvers(ctx context.Context) error {
	files := cmp.Or(d.cfg.Resolvers, resolvers.SystemFiles)
	changed := func() { d.enforcer.ResolversChanged(d.nameServers()) }
	said := ""
	for ctx.Err() == nil {
		if err := files.Follow(ctx, changed); err != nil {
			exempt := d.enforcer.Settings().Exempt.Has(policy.ExemptResolvers)
			if err.Error() != said && exempt {
				said = err.Error()
				d.log.Warn("the files that name the name servers are not watched",
					"error", err, "looked_at_every", retryWatch)
			}
			changed()
			select {
			case <-ctx.Done():
			case <-time.After(retryWatch):
			}
		}
	}
	return nil
}
