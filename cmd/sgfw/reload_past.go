package main

import (
	"fmt"
	"strconv"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// printPast says what a policy would have made of the past; nil for one that is not known.
func (p *program) printPast(s screen.Screen, past *api.Past) error {
	if past == nil {
		return nil
	}
	of := "of the last " + screen.Seconds(past.Seconds) + ", "
	switch {
	case past.Refused.Count+past.Admitted.Count == 0:
		p.print(s, screen.Plain, of+"all that the daemon remembers would have fared the same: "+
			count(past.Packets, "packet"))
	default:
		if err := p.printPastSide(s, screen.Bad, of, "would have been refused",
			past.Refused); err != nil {
			return err
		}
		if err := p.printPastSide(s, screen.Good, of, "would have been let in",
			past.Admitted); err != nil {
			return err
		}
	}
	if past.Lost > 0 {
		p.print(s, screen.Plain, screen.Number(past.Lost)+" more came too fast to be remembered")
	}
	return nil
}

// printPastSide lists the connections that would have fared otherwise in one way.
func (p *program) printPastSide(s screen.Screen, style screen.Style, of, what string,
	c api.PastConnections) error {
	if c.Count == 0 {
		return nil
	}
	tries := "tries"
	if c.Count == 1 {
		tries = "try"
	}
	p.print(s, style, fmt.Sprintf("%s%s %s %s:", of, screen.Number(c.Count), tries, what))
	t := s.Table(p.out, screen.Column{}, screen.Column{Rank: 1}, screen.Column{}, screen.Column{},
		screen.Column{Fit: screen.Folded, Least: 16}, screen.Column{}, screen.Column{Rank: 2})
	shown := c.List[:min(len(c.List), orphansShown)]
	for _, x := range shown {
		t.Row("  "+x.Interface, x.Direction, x.Protocol, serviceOf(x), x.Peer,
			screen.Number(x.Count)+" x ("+x.Reason+")", "last "+x.Last.Local().Format(time.TimeOnly))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(c.List) > len(shown) {
		p.note("of the %d that are most, %d are shown; -o json has more", len(c.List), len(shown))
	}
	return nil
}

// serviceOf is the port of a try, or type and code.
func serviceOf(x api.PastConnection) string {
	switch {
	case x.Port != nil:
		return strconv.Itoa(int(*x.Port))
	case x.Type != nil && x.Code != nil:
		return fmt.Sprintf("%d/%d", *x.Type, *x.Code)
	}
	return ""
}
