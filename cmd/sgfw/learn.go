package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/ssh"
	watch "sgfw/cmd/internal/learn"
	"sgfw/filter/nfqueue"
	"sgfw/policy"
	"sgfw/policy/learn"
	"sgfw/policy/member"
)

// Bounds of how long is watched.
const (
	defaultLearn = 10 * time.Minute
	minLearn     = time.Second
	maxLearn     = 30 * 24 * time.Hour
)

// datedLearn is from when on times in comments have a date.
const datedLearn = 12 * time.Hour

// defaultEveryone is from how many public addresses on a service is everybody's.
const defaultEveryone = 16

// lesson is what the flags of learn say.
type lesson struct {
	span            duration
	devices, groups []string
	path            string
	everyone        int
	widen4, widen6  int
	listeners       []string
	openTo          []netip.Prefix
	// line is how far it is, as the terminal shows it.
	line string
	// host is the name of this machine.
	host string
	// found is what is to be said of what was seen, here and in the file.
	found []string
}

func (p *program) learnCommand() *cobra.Command {
	l := lesson{span: duration(defaultLearn)}
	c := &cobra.Command{
		Use:   "learn",
		Short: "Watch this machine, and write the policy that keeps it working",
		Long: fmt.Sprintf(`Watch what goes in and out of this machine for a while, and write the smallest
policy that lets it pass, each rule with what it was seen for. Nothing is enforced:
no packet is dropped, changed or held up. Ctrl-C ends it early, and writes.

It sees the first packet of each conversation, as copies that the kernel makes of
what other firewalls let pass; sockets, and whose they are; and the connections that
are there already. Conversations that others begin count once they are answered, so
a scan of ports teaches nothing; UDP to a socket that waits for it counts at once.
Live SSH sessions are always let in. Neighbour discovery, DHCP and errors of ICMP need
no rules.

Addresses are those that were seen, in the fewest CIDRs. From --everyone public ones
on, a service is open to everyone. Ports that nobody came to are closed and named in
a comment; --listeners opens them to some networks.

What happens rarely is seen rarely: watch a day rather than minutes, and read the
policy before you enforce it. --for takes %s to 720h.`, minLearn),
		Example: `  sudo sgfw learn > first.yaml
  sudo sgfw learn --for 24h -o first.yaml
  sudo sgfw learn --device eth0 --device wg0 --group web --group vpn --widen 24`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.Var(&l.span, "for", "how long")
	f.StringSliceVarP(&l.devices, "device", "d", nil,
		"watch these devices (default: those that lead outside)")
	f.StringSliceVarP(&l.groups, "group", "g", nil,
		"the groups' names, one for each device (default learned)")
	f.StringVarP(&l.path, "file", "o", "-", "a new file to write; - is standard output")
	f.IntVar(&l.everyone, "everyone", defaultEveryone,
		"open a service to everyone from so many public addresses on; 0: never")
	f.IntVar(&l.widen4, "widen", 0,
		"permit the networks of this length around IPv4 addresses, such as 24")
	f.IntVar(&l.widen6, "widen-ipv6", 0, "the same for IPv6, such as 64")
	f.StringSliceVar(&l.listeners, "listeners", nil,
		"open ports that nobody came to, to these CIDRs")
	for flag, complete := range map[string]cobra.CompletionFunc{
		"device": deviceNames, "file": policyFiles, "group": cobra.NoFileCompletions,
	} {
		if err := c.RegisterFlagCompletionFunc(flag, complete); err != nil {
			panic(err) // the flag is there, and has none
		}
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := l.check(); err != nil {
			return err
		}
		if _, err := os.Lstat(l.path); err == nil && l.path != "-" {
			return occupied(l.path)
		}
		if err := p.unfiltered(); err != nil {
			return err
		}
		if err := l.choose(p); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		found, err := p.watch(ctx, &l)
		stop() // a second Ctrl-C ends the program
		if err != nil {
			return err
		}
		return p.learned(&l, found)
	}
	return c
}

// learned looks for what goes with what was found, and writes the policy.
func (p *program) learned(l *lesson, found *watch.Found) error {
	seen, err := p.links()
	if err != nil {
		return fmt.Errorf("the devices of this machine: %w", err)
	}
	sessions, err := ssh.Find(ssh.Caller())
	if err != nil {
		p.complain(fmt.Sprintf("live SSH sessions cannot be seen: %v", err))
	}
	if l.host, err = os.Hostname(); err != nil {
		l.host = "this machine"
	}
	if err := p.teach(l, found, seen, sessions); err != nil {
		return err
	}
	if found.Ended != nil {
		return fmt.Errorf("watching ended early, after %s; what was seen until then is written: %w",
			found.End.Sub(found.Begin).Truncate(time.Second), found.Ended)
	}
	return nil
}

// check holds the flags against what they can be.
func (l *lesson) check() error {
	span := time.Duration(l.span)
	switch {
	case span < minLearn || span > maxLearn:
		return &usageError{fmt.Errorf("--for %s: the time is %s to 720h", span, minLearn)}
	case l.everyone < 0:
		return &usageError{errors.New("--everyone cannot be negative")}
	case l.widen4 < 0 || l.widen4 > 32:
		return &usageError{fmt.Errorf("--widen %d: the length of an IPv4 prefix is 1 to 32", l.widen4)}
	case l.widen6 < 0 || l.widen6 > 128:
		return &usageError{fmt.Errorf("--widen-ipv6 %d: the length of an IPv6 prefix is 1 to 128",
			l.widen6)}
	}
	for _, text := range l.listeners {
		cidr, bad := policy.ParseCIDR(text)
		if bad != nil {
			return &usageError{fmt.Errorf("--listeners: %w", *bad)}
		}
		l.openTo = append(l.openTo, cidr)
	}
	return nil
}

// choose finds the devices that are watched, and names their groups.
func (l *lesson) choose(p *program) error {
	seen, err := p.links()
	if err != nil {
		return fmt.Errorf("the devices of this machine: %w", err)
	}
	var known, addressed []string
	for _, link := range seen.Facts.Links {
		if _, enslaved := seen.Masters[link.Name]; !enslaved && policy.CheckDevice(link.Name) == nil {
			if known = append(known, link.Name); len(link.Addresses) > 0 {
				addressed = append(addressed, link.Name)
			}
		}
	}
	if len(l.devices) == 0 {
		outward, err := outwardDevices()
		if err != nil {
			return err
		}
		l.devices = slices.DeleteFunc(outward, func(d string) bool { return !slices.Contains(known, d) })
		if len(l.devices) == 0 {
			l.devices = addressed
		}
		if len(l.devices) == 0 {
			return errors.New("there is no device to watch (hint: --device)")
		}
	}
	for i, d := range l.devices {
		switch {
		case slices.Contains(l.devices[:i], d):
			return &usageError{fmt.Errorf("--device %s is there twice", d)}
		case slices.Contains(known, d):
			continue
		}
		hint := "there are " + devicesText(known)
		if len(known) == 0 {
			hint = "there is none but lo"
		}
		if m, enslaved := seen.Masters[d]; enslaved {
			hint = "its packets are those of " + m.Name
		} else if near := policy.Suggest(d, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		return &usageError{fmt.Errorf("--device %s: there is no such device to watch (hint: %s)", d,
			hint)}
	}
	return l.nameGroups()
}

// unfiltered refuses to learn where sgfw filters already: what it drops would be missing.
func (p *program) unfiltered() error {
	const hint = "(hint: sgfw audit --fix narrows a policy to what live flows need; sgfw log shows " +
		"what is dropped)"
	if holder, held := control.Holder(p.socket); held && !holder.Network.Other(p.network) {
		return fmt.Errorf("%w: the daemon with PID %d filters this machine, and what it drops cannot "+
			"be learned %s", errRefused, holder.PID, hint)
	}
	if p.remains == nil {
		return nil
	}
	switch r := p.remains(); r.State {
	case api.RemainsClosed, api.RemainsHeld:
		what, hint := remainsText(r)
		return fmt.Errorf("%w: %s (hint: %s)", errRefused, what, hint)
	}
	return nil
}

// watch watches, and says how far it is.
func (p *program) watch(ctx context.Context, l *lesson) (*watch.Found, error) {
	span := time.Duration(l.span)
	if queues, _ := nfqueue.ReadKernelQueues(); len(queues) > 0 {
		p.tell("notice: another program holds packets in queues (NFQUEUE). Those that wait there at " +
			"the end are lost, as whenever a table of nftables goes (hint: stop it meanwhile)")
	}
	cfg := watch.Config{Devices: l.devices, For: span, Links: func() ([]member.Link, error) {
		seen, err := p.links()
		return seen.Facts.Links, err
	}}
	line, begun := p.errScreen.Height > 0, false
	cfg.Progress = func(w watch.Progress) {
		if line {
			p.progress(l, w)
		} else if !begun {
			p.tell(fmt.Sprintf("sgfw: watching %s for %s, nothing is enforced; Ctrl-C ends it and writes",
				devicesText(l.devices), span))
		}
		begun = true
	}
	found, err := watch.Watch(ctx, cfg)
	if line {
		fmt.Fprint(p.err, "\r"+clearLine)
	}
	return found, err
}

// progress writes the line that tells how far it is.
func (p *program) progress(l *lesson, w watch.Progress) {
	text := fmt.Sprintf("watching %s, %s of %s: %s with %s; Ctrl-C writes now",
		devicesText(l.devices), w.Passed.Truncate(time.Second), time.Duration(l.span),
		count(w.Conversations, "conversation"), count(w.Services, "service"))
	if width := p.errScreen.Width; width > 0 && len(text) >= width {
		text = text[:width-1]
	}
	if text != l.line {
		l.line = text
		fmt.Fprint(p.err, "\r"+text+clearLine)
	}
}

// writeLearned writes the policy where it belongs. What was watched for hours is not lost: where no
// file can be written it goes to standard output.
func (p *program) writeLearned(path, text string) error {
	if path != "-" {
		err := writeNew(path, text)
		if err == nil {
			return nil
		}
		p.complain(fmt.Sprintf("%s cannot be written, here it is instead: %v", path, err))
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// paragraphs stand at the top of the file.
func paragraphs(l *lesson, f *watch.Found) []string {
	out := []string{fmt.Sprintf("Written by sgfw learn on %s, of what was seen from %s to %s on %s: "+
		"%s. Nothing else passes once this is enforced.", l.host, f.Begin.Format(time.DateTime),
		f.End.Format(time.DateTime+" MST"), strings.Join(l.devices, ", "),
		count(f.Record.Count(), "conversation")),
		"Read it, add what happens rarely (backups, updates, certificates), then\n\n" +
			"  sgfw check FILE\n  sudo sgfw run -c FILE"}
	return append(out, l.found...)
}

// options are how the policy is made of what was found.
func (l *lesson) options(f *watch.Found) learn.Options {
	o := learn.Options{Everyone: l.everyone, WidenIPv4: l.widen4, WidenIPv6: l.widen6,
		OpenUnused: l.openTo, Preface: paragraphs(l, f), Devices: l.watched()}
	if f.End.Sub(f.Begin) > datedLearn {
		o.Clock = "2006-01-02 15:04"
	}
	return o
}
