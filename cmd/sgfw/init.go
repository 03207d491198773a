package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/draft"
	"sgfw/cmd/internal/host/doctor"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/screen"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

func (p *program) initCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first policy from what this machine has",
		Long: `Write a first policy for this machine, to ` + defaultPolicy + ` or FILE; - is standard
output. It asks which devices to protect, and of each port that somebody listens on
whether it stays open: to everyone or to some networks, and SSH to those who are
connected now, you among them. Answers are y, n or networks such as 192.0.2.0/24.

--yes answers as most people would: devices that lead outside are protected, every
port on them stays open, SSH to those who are connected now, or to everyone if nobody
is. What is open to everyone is said.

A file that is there already is never written. Nothing on the machine is changed, and
nothing is filtered until you run the policy.`,
		Example: `  sudo sgfw init
  sgfw init --yes first.yaml
  sgfw init --yes -`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: policyFiles,
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask, answer as most people would")
	c.RunE = func(c *cobra.Command, args []string) error {
		path := defaultPolicy
		if len(args) > 0 {
			path = args[0]
		}
		if _, err := os.Lstat(path); err == nil && path != "-" {
			return occupied(path)
		}
		var ask draft.Asker = draft.Usual{}
		if !yes {
			ask = &questioner{p: p, from: bufio.NewReader(c.InOrStdin())}
		}
		m, facts, sessions, err := thisMachine()
		if err != nil {
			return err
		}
		return p.writeFirst(path, m, facts, sessions, ask)
	}
	return c
}

// occupied says that a file is not written over.
func occupied(path string) error {
	return fmt.Errorf("%w: %s is there already (hint: name another file, or move that one away)",
		errRefused, path)
}

// writeFirst drafts a policy of a machine and writes it.
func (p *program) writeFirst(path string, m draft.Machine, facts member.Facts,
	sessions []ssh.Session, ask draft.Asker) error {
	first, err := draft.Draft(m, ask)
	if err != nil {
		return err
	}
	text := first.YAML()
	pol, _, err := file.Parse(path, []byte(text))
	if err != nil {
		return fmt.Errorf("the draft is not valid, nothing is written: %w", err)
	}
	if path == "-" {
		_, err = io.WriteString(p.out, text)
	} else {
		err = writeNew(path, text)
	}
	if err != nil {
		return err
	}
	if path != "-" {
		s := summarise(pol)
		p.print(p.screen, screen.Good, fmt.Sprintf("wrote %s: %s, %s", path,
			count(s.Interfaces, "interface"), count(s.Rules, "rule")))
	}
	var open []string
	for _, s := range first.World() {
		open = append(open, s.String())
	}
	if len(open) > 0 {
		p.tell("open to everyone: " + strings.Join(open, ", "))
	}
	if err := ssh.Check(filter.Compile(pol, member.Resolve(pol, facts)), sessions); err != nil {
		p.complain(screen.CleanLines(err.Error()))
	}
	return nil
}

// thisMachine is what a policy is drafted from.
func thisMachine() (draft.Machine, member.Facts, []ssh.Session, error) {
	var m draft.Machine
	links, err := liveLinks()
	if err != nil {
		return m, member.Facts{}, nil, fmt.Errorf("the devices of this machine: %w", err)
	}
	outward, err := outwardDevices()
	if err != nil {
		return m, member.Facts{}, nil, err
	}
	for _, l := range links.Facts.Links {
		// What belongs to a bridge or bond has its packets under that one's name.
		if _, enslaved := links.Masters[l.Name]; enslaved || policy.CheckDevice(l.Name) != nil {
			continue
		}
		m.Devices = append(m.Devices, draft.Device{Name: l.Name, Addresses: l.Addresses,
			Outward: slices.Contains(outward, l.Name)})
	}
	ephemeral := ephemeralPorts()
	for _, l := range doctor.Listeners() {
		m.Listens(l.Protocol, l.Address, l.Process, ephemeral)
	}
	sessions, err := ssh.Find(ssh.Caller())
	if err != nil {
		return m, member.Facts{}, nil, err
	}
	for _, s := range sessions {
		m.Sessions = append(m.Sessions, draft.Session{Client: s.Client.Addr(), Port: s.Server.Port()})
	}
	return m, links.Facts, sessions, nil
}

// ephemeralPorts is the first port that the kernel gives to those who ask for any.
func ephemeralPorts() uint16 {
	const usual = 32768
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\t")
	n, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return usual
	}
	return uint16(n)
}

// writeNew writes a file that is not there yet, whole or not at all.
func writeNew(path, text string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return occupied(path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// questioner asks people.
type questioner struct {
	p    *program
	from *bufio.Reader
}

// Ask implements draft.Asker: an empty line is the usual answer.
func (q *questioner) Ask(question, usual string) (string, error) {
	question = screen.Clean(fmt.Sprintf("%s [%s]", question, usual))
	fmt.Fprint(q.p.err, q.p.errScreen.Paragraph(question, "  ")+" ")
	line, err := q.from.ReadString('\n')
	if errors.Is(err, io.EOF) && line == "" {
		fmt.Fprintln(q.p.err)
		return "", &usageError{errors.New("no answer: nothing is written (hint: --yes does not ask)")}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return usual, nil
	}
	return line, nil
}

// Misunderstood implements draft.Asker.
func (q *questioner) Misunderstood(why string) { q.p.tell(why) }
