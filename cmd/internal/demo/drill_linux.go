package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/test/netlab"
)

// drillTime bounds a drill.
const drillTime = 6 * time.Minute

// The ports of the drill: a rule permits the first one.
const (
	openPort = 7000
	shutPort = 7001
)

// exercise provokes one failure.
type exercise struct {
	provoked, promised string
	// settings are those of the policy.
	settings string
	// provoke does it to the daemon that enforces, and says what happened and whether that is
	// what was promised. An error is about the drill itself.
	provoke func(ctx context.Context, g *ground) (happened string, kept bool, err error)
}

// datapaths are those that each failure is provoked with.
var datapaths = []string{"userspace", "offload"}

// grounds is how many exercises go on at a time: they wait most of the time.
const grounds = 2

// Drill provokes failures of the daemon in network namespaces of its own, two for each, and
// returns what was promised of each and what happened, for each datapath that the kernel has.
// self is the path of this program. It needs root.
func Drill(ctx context.Context, self string) (api.Drill, error) {
	return drill(ctx, self, exercises)
}

func drill(ctx context.Context, self string, exercises []exercise) (api.Drill, error) {
	doc := api.Drill{Schema: api.Schema}
	if err := netlab.EnterUserNamespace(); err != nil {
		return doc, fmt.Errorf("the drill makes network namespaces, which takes root here: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, drillTime)
	defer cancel()
	var (
		all    = make([]api.Exercise, len(datapaths)*len(exercises))
		errs   = make([]error, len(all))
		next   atomic.Int64
		active sync.WaitGroup
	)
	for range grounds {
		active.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				x, datapath := exercises[i%len(exercises)], datapaths[i/len(exercises)]
				if all[i], errs[i] = drillOne(ctx, self, x, datapath); errs[i] != nil {
					next.Store(int64(len(all))) // no more begin
				}
			}
		})
	}
	active.Wait()
	doc.AsPromised = true
	for i, out := range all {
		switch err := errs[i]; {
		case errors.Is(err, errFallsBack):
			return doc, nil
		case err != nil:
			return doc, fmt.Errorf("%s, datapath: %s: %w", out.Provoked, out.Datapath, err)
		}
		doc.Exercises = append(doc.Exercises, out)
		doc.AsPromised = doc.AsPromised && out.Kept
	}
	return doc, nil
}

// drillOne makes an exercise in two namespaces of its own.
func drillOne(ctx context.Context, self string, x exercise, datapath string) (api.Exercise, error) {
	out := api.Exercise{Datapath: datapath, Provoked: x.provoked, Promised: x.promised}
	dir, err := os.MkdirTemp("", "sgfw-drill")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	lab, err := netlab.Build(topology)
	if err != nil {
		return out, fmt.Errorf("making the namespaces: %w", err)
	}
	defer lab.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := &ground{self: self, dir: dir, client: lab.Host("client"), server: lab.Host("server")}
	if err := g.serve(ctx); err != nil {
		return out, err
	}
	return g.run(ctx, x, out)
}

// errFallsBack says that this kernel does not have the datapath.
var errFallsBack = errors.New("another datapath is in force")

// run gives an exercise a daemon of its own, and ends it. out has what is to be tried.
func (g *ground) run(ctx context.Context, x exercise, out api.Exercise) (api.Exercise, error) {
	if err := g.write("datapath: " + out.Datapath + ", " + x.settings); err != nil {
		return out, err
	}
	if err := g.start(ctx); err != nil {
		return out, err
	}
	defer g.kill()
	s, err := g.status(ctx)
	if err != nil {
		return out, err
	}
	if offloads := s.Offload != nil; offloads != (out.Datapath == "offload") {
		return out, errors.Join(errFallsBack, g.stop())
	}
	if r := g.look(ctx, filtered); r != filtered {
		return out, fmt.Errorf("before anything is provoked %s", r)
	}
	if out.Happened, out.Kept, err = x.provoke(ctx, g); err != nil {
		return out, err
	}
	return out, g.stop()
}
