package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/screen"
)

// Bounds of how often flows are shown anew: each time is a walk through the table.
const (
	minWatch = 200 * time.Millisecond
	maxWatch = time.Hour
)

// Control sequences of a terminal (ECMA-48): begin at the top, and clear what is left
// of a line and of the screen.
const (
	top       = "\x1b[H"
	clearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// watchFlows shows as many flows as fit the terminal, again and again, until the
// context or the daemon ends.
func (p *program) watchFlows(ctx context.Context, q api.FlowQuery, every time.Duration,
	f format) error {
	switch {
	case f == formatJSON:
		return &usageError{errors.New("--watch is for people: -o json lists flows once")}
	case p.screen.Height == 0:
		return &usageError{errors.New("--watch needs a terminal")}
	case every < minWatch || every > maxWatch:
		return &usageError{fmt.Errorf("--watch %s: the time between is %s to %s", every, minWatch,
			maxWatch)}
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		s := p.measure()
		frame, err := p.flowFrame(ctx, q, s, every)
		if err != nil {
			return err
		}
		text := top + strings.ReplaceAll(frame, "\n", clearLine+"\n") + clearRest
		if _, err := io.WriteString(p.out, text); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// flowFrame is a screen of flows under a line that says how many there are.
func (p *program) flowFrame(ctx context.Context, q api.FlowQuery, s screen.Screen,
	every time.Duration) (string, error) {
	// One line says how many, one is the heading, and the cursor stands in the last.
	room := max(s.Height-3, 1)
	if q.Limit == 0 || q.Limit > room {
		q.Limit = room
	}
	q.Newest = true
	var header api.FlowsHeader
	var flows []api.Flow
	err := control.NewClient(p.socket).Flows(ctx, q, func(h api.FlowsHeader) error {
		header = h
		return nil
	}, func(f api.Flow) error {
		flows = append(flows, f)
		return nil
	})
	if err != nil {
		return "", err
	}
	lines, shown, err := fittingFlows(s, header, flows, room+1)
	if err != nil {
		return "", err
	}
	all := header.Live + header.Untracked
	what := count(all, "live flow")
	if shown < all {
		what = screen.Number(shown) + " of " + what
	}
	title := fmt.Sprintf("%s  %s, newest first, every %s; Ctrl-C ends it",
		p.now().Local().Format(time.TimeOnly), what, every)
	return s.Paint(screen.Faint, screen.Wrap(title, s.Width, "")[0]) + "\n" +
		strings.TrimSuffix(lines, "\n"), nil
}

// fittingFlows are the first of the flows as a table of at most so many lines, and how many
// of them are in it whole.
func fittingFlows(s screen.Screen, h api.FlowsHeader, flows []api.Flow, most int) (
	text string, shown int, err error) {
	for shown = len(flows); ; shown-- {
		var b bytes.Buffer
		l := flowTable(&b, s)
		err := l.begin(h)
		for i := 0; i < shown && err == nil; i++ {
			err = l.each(flows[i])
		}
		if err = errors.Join(err, l.end()); err != nil {
			return "", 0, err
		}
		lines := strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) <= most {
			return b.String(), shown, nil
		}
		if shown <= 1 { // long ones take more lines than there are
			return strings.Join(lines[:most], ""), shown, nil
		}
	}
}
