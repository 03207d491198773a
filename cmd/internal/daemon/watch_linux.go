package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
)

// rewatch is the pause before a watch that failed is tried again.
const rewatch = 5 * time.Second

// watches follows the policy file while the policy in force asks for it.
func (d *daemon) watches(ctx context.Context) error {
	for ctx.Err() == nil {
		d.mu.Lock()
		wanted := d.current.policy.Settings.Watch
		if !wanted {
			d.unwatched = ""
		}
		d.mu.Unlock()
		if !wanted {
			select {
			case <-ctx.Done():
			case <-d.watchChanged:
			}
			continue
		}
		if err := d.watchUntilChanged(ctx); err != nil {
			d.watchFailed(err)
			select {
			case <-ctx.Done():
			case <-d.watchChanged:
			case <-time.After(rewatch):
			}
		}
	}
	return nil
}

// watchUntilChanged follows the policy file until the settings may say otherwise.
func (d *daemon) watchUntilChanged(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- source.File{Path: d.cfg.PolicyFile}.Follow(ctx, d.settled) }()
	select {
	case <-ctx.Done():
	case <-d.watchChanged:
		cancel()
	case err := <-ended:
		return err
	}
	return <-ended
}

func (d *daemon) watchFailed(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unwatched = fmt.Sprintf("the policy file is not watched: %v", err)
	d.log.Error("the policy file is not watched", "error", err)
	d.logNotify(d.notify.status(d.line()))
}

// settled reloads if the file says what was neither put in force nor refused yet.
// A file that is not there is on its way: the next change brings it.
func (d *daemon) settled() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unwatched = ""
	if d.stopping || !d.current.policy.Settings.Watch {
		return
	}
	source, err := source.File{Path: d.cfg.PolicyFile}.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		d.report(byWatch, err)
		return
	case source.Sum == d.tried:
		return
	}
	// change has logged whatever it returns.
	_, _ = d.change(byWatch, api.ReloadRequest{})
}
