package daemon

import (
	"context"
	"os"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/process"
)

// Status implements [control.Backend].
func (d *daemon) Status(ctx context.Context) (api.Status, error) {
	// A file may be large, or on a disk that does not answer: no lock is held while it
	// is read, and it is not waited for.
	d.enforcer.Refresh()
	doc := d.enforcer.Status(d.file.glance(ctx))
	doc.PID, doc.Version, doc.Started = os.Getpid(), d.cfg.Version, d.started.UTC()
	if d.network.Known() {
		n := api.Namespace(process.NamespaceWith(d.network.Inode)) // with the name that it has now
		doc.Network = &n
	}
	if d.cfg.LogLost != nil {
		doc.LogLost = d.cfg.LogLost()
	}
	doc.Metrics = d.metrics.document()
	doc.FlowLog = d.flowLogStatus()
	doc.Degraded = d.degraded()
	doc.State = api.StateRunning
	if len(doc.Degraded) > 0 {
		doc.State = api.StateDegraded
	}
	return doc, nil
}

// Explain implements [control.Backend].
func (d *daemon) Explain(_ context.Context, in api.Query) (api.Explanation, error) {
	facts, engine := d.enforcer.Facts(), d.enforcer.Engine()
	// What is in force, and not what is about to be.
	rs := engine.Ruleset()
	doc, err := explain.Answer(in, rs, engine.Flows(), engine.Now(),
		explain.Machine{Facts: facts.Facts, Bridges: facts.Bridges()})
	if err != nil {
		return api.Explanation{}, failure(err)
	}
	for x := &doc; x != nil; x = x.Next {
		x.Source = d.file.Name()
	}
	return doc, nil
}
