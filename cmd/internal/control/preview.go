package control

import (
	"context"
	"time"

	"sgfw/cmd/internal/api"
)

const (
	// previewRest is how many times as long as a reader's preview the next one waits: all
	// that readers do takes a quarter of a processor at most.
	previewRest = 3
	// previewPatience is how long a reader waits for others.
	previewPatience = 10 * time.Second
)

// preview is a reload that changes nothing, which readers may ask for, too. It compiles a
// policy, which costs as much as a reload: of readers one at a time has it done, with a
// rest after it, however often they ask.
func preview(b Backend) func(context.Context, api.ReloadRequest) (api.ReloadReply, error) {
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	return func(ctx context.Context, q api.ReloadRequest) (api.ReloadReply, error) {
		q.DryRun = true
		if peerOf(ctx).mayChange() {
			return b.Reload(ctx, q)
		}
		select {
		case <-turn:
		case <-time.After(previewPatience):
			return api.ReloadReply{}, &api.Failure{Kind: api.KindFailed,
				Message: "others preview the policy all the time: try again later"}
		}
		begun := time.Now()
		defer func() {
			time.AfterFunc(previewRest*time.Since(begun), func() { turn <- struct{}{} })
		}()
		return b.Reload(ctx, q)
	}
}
