package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"sgfw/cmd/internal/screen"
	"sgfw/test/netlab"
)

// drillTime bounds a drill.
const drillTime = 3 * time.Minute

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

// Drill provokes failures of the daemon in two network namespaces of its own, one after the
// other, and prints what was promised of each and what happened. self is the path of this
// program. The error is ErrSurprise if a promise was not kept. It needs root.
func Drill(ctx context.Context, out io.Writer, on screen.Screen, self string) error {
	return drill(ctx, out, on, self, exercises)
}

func drill(ctx context.Context, out io.Writer, on screen.Screen, self string,
	exercises []exercise) error {
	if err := netlab.EnterUserNamespace(); err != nil {
		return fmt.Errorf("the drill makes network namespaces, which takes root here: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, drillTime)
	defer cancel()
	dir, err := os.MkdirTemp("", "sgfw-drill")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	lab, err := netlab.Build(topology)
	if err != nil {
		return fmt.Errorf("making the namespaces: %w", err)
	}
	defer lab.Close()
	g := &ground{self: self, dir: dir, client: lab.Host("client"), server: lab.Host("server")}
	if err := g.serve(ctx); err != nil {
		return err
	}
	fmt.Fprint(out, on.Paragraph("Two namespaces on one link; a daemon of this program enforces in "+
		"one of them that one port is open. What is provoked happens there and nowhere else.", ""),
		"\n\n")
	table := on.Table(out,
		screen.Column{Head: "PROVOKED", Fit: screen.Folded, Least: 16},
		screen.Column{Head: "PROMISED", Fit: screen.Folded, Least: 18},
		screen.Column{Head: "HAPPENED", Fit: screen.Folded, Least: 18},
		screen.Column{Head: "KEPT"})
	broken := 0
	for _, x := range exercises {
		happened, kept, err := g.run(ctx, x)
		if err != nil {
			return fmt.Errorf("%s: %w", x.provoked, err)
		}
		word := screen.Cell{Text: "yes", Style: screen.Good}
		if !kept {
			word = screen.Cell{Text: "NO", Style: screen.Bad}
			broken++
		}
		table.Row(x.provoked, x.promised, happened, word)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d provoked, %d as promised. Both namespaces are gone.\n", len(exercises),
		len(exercises)-broken)
	if broken > 0 {
		return fmt.Errorf("%w: %d of %d promises were not kept", ErrSurprise, broken, len(exercises))
	}
	return nil
}

// run gives an exercise a daemon of its own, and ends it.
func (g *ground) run(ctx context.Context, x exercise) (happened string, kept bool, err error) {
	if err := g.write(x.settings); err != nil {
		return "", false, err
	}
	if err := g.start(ctx); err != nil {
		return "", false, err
	}
	defer g.kill()
	if r := g.look(ctx, filtered); r != filtered {
		return "", false, fmt.Errorf("before anything is provoked %s", r)
	}
	if happened, kept, err = x.provoke(ctx, g); err != nil {
		return "", false, err
	}
	return happened, kept, g.stop()
}
