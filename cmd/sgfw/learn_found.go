package main

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/cmd/internal/draft"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/ssh"
	watch "sgfw/cmd/internal/learn"
	"sgfw/cmd/internal/screen"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/learn"
	"sgfw/policy/member"
)

// teach makes the policy of what was found, and of the SSH sessions that are live, and
// writes it.
func (p *program) teach(l *lesson, f *watch.Found, seen links.Snapshot,
	sessions []ssh.Session) error {
	l.sessions(f, sessions)
	l.lacks(f)
	o := l.options(f)
	o.Unused = l.unused(f, seen)
	r := f.Record.Policy(o)
	if r.Policy == nil {
		return r.Problems
	}
	p.printProblems(explain.Problems(r.Problems))
	text := string(file.Write(r.Policy, r.Comments))
	name := l.path
	if name == "-" {
		name = "stdout"
	}
	pol, _, err := file.Parse(name, []byte(text))
	if err != nil {
		return fmt.Errorf("what was learned is not valid: %w", err)
	}
	if err := p.writeLearned(l.path, text); err != nil {
		return err
	}
	if l.path != "-" {
		s := summarise(pol)
		p.print(p.screen, screen.Good, fmt.Sprintf("wrote %s: %s, %s", l.path,
			count(s.Interfaces, "interface"), count(s.Rules, "rule")))
	}
	for _, text := range l.found {
		p.tell("notice: " + text)
	}
	if open := openToAll(pol); len(open) > 0 {
		p.tell("open to everyone: " + strings.Join(open, ", "))
	}
	if err := ssh.Check(filter.Compile(pol, member.Resolve(pol, seen.Facts)), sessions); err != nil {
		p.complain(screen.CleanLines(err.Error()))
	}
	return nil
}

// sessions adds live SSH sessions, whatever else was seen of them.
func (l *lesson) sessions(f *watch.Found, sessions []ssh.Session) {
	for _, s := range sessions {
		for _, d := range s.Devices {
			if slices.Contains(l.devices, d) {
				port := int(s.Server.Port())
				f.Record.Add(learn.Sighting{Service: learn.Service{Device: d, Protocol: policy.TCP,
					From: port, To: port}, Peer: s.Client.Addr(), At: f.Begin, Live: true, Again: true})
			}
		}
	}
}

// lacks says what the policy does not have, and why.
func (l *lesson) lacks(f *watch.Found) {
	add := func(n uint64, noun, what string) {
		if n > 0 {
			l.found = append(l.found, count(n, noun)+" "+what)
		}
	}
	if f.Ended != nil {
		l.found = append(l.found, fmt.Sprintf("It ended before its time was over: %v.", f.Ended))
	}
	if f.Blind != nil {
		l.found = append(l.found, fmt.Sprintf("First packets could not be seen (%v), sockets alone: "+
			"what was short, or passed through to other machines, may be missing.", f.Blind))
	}
	add(f.Skipped.Unanswered, "conversation", "that others tried to begin and nobody answered: not "+
		"permitted.")
	add(f.Skipped.Guessed, "connection", "of which nobody knows who began: the lower port counts as "+
		"the server's.")
	add(f.Untold, "connection", "in the kernel's tracking, too many to be read: those passed on "+
		"for others of which no packet came are missing.")
	add(f.Lost, "first packet", "not seen, as it was too many at a time: some may be missing.")
	add(f.Skipped.Unread, "packet", "with headers that cannot be read: not permitted.")
	add(f.Record.Lost(), "conversation", fmt.Sprintf("to other services than the first %s: not "+
		"permitted.", screen.Number(learn.MaxServices)))
}

// unused are the listeners that nobody came to, on devices by which they can be reached.
func (l *lesson) unused(f *watch.Found, seen links.Snapshot) (out []learn.Unused) {
	var m draft.Machine
	first := ephemeralPorts()
	for _, s := range f.Listeners {
		m.Listens(policy.Protocol(s.Protocol).String(), s.Local, s.Process, first)
	}
	for _, link := range seen.Facts.Links {
		if !slices.Contains(l.devices, link.Name) {
			continue
		}
		for _, s := range m.Services {
			protocol, _ := policy.ParseProtocol(s.Protocol)
			reachable := slices.ContainsFunc(s.Addresses, draft.Device{Addresses: link.Addresses}.Reaches)
			if reachable && !f.Record.Uses(link.Name, protocol, int(s.Port)) {
				out = append(out, learn.Unused{Device: link.Name, Protocol: protocol, Port: int(s.Port),
					Process: strings.Join(s.Processes, ", ")})
			}
		}
	}
	return out
}

// openToAll are the services of this machine that everybody may come to.
func openToAll(p *policy.Policy) (out []string) {
	for i := range p.Groups {
		for _, r := range p.Groups[i].Ingress {
			if r.Peer.Kind != policy.PeerCIDR || r.Peer.CIDR.Bits() != 0 {
				continue
			}
			text := strings.TrimSuffix(r.String(), " "+r.Peer.String())
			if r.Description != "" {
				text += " (" + r.Description + ")"
			}
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}
