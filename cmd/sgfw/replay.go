package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/host/resolvers"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/replay"
	"sgfw/policy"
	"sgfw/policy/file"
)

// replayFlags are those of `sgfw replay`.
type replayFlags struct {
	config         string
	diff, recorded bool
	here           bool
	devices, own   []string
	resolvers      []string
}

func (p *program) replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay FILE (-c POLICY | --diff OLD NEW) [TERM]...",
		Short: "Judge the packets of a capture by a policy, or by two",
		Long: fmt.Sprintf(`Judge each packet of a capture as the daemon would have, with the capture's
clock: flows begin, go on and end as they did then. FILE is in pcap or pcapng, from sgfw
capture, tcpdump, Wireshark or anything else; - is standard input. It needs no
root, no daemon, and none of the devices.

--diff prints the packets that NEW judges otherwise than OLD, and why. --recorded
prints those judged otherwise than a capture of sgfw capture says that they were.
With either of them exit code 6 says that there are some.

What sgfw captured says where each packet was met. Of other captures sgfw has to
know the device: pcapng names it, -i does for others, -i 3=eth0 for number 3 of a
capture of all devices ("-i any"). And it has to know the direction, which such
captures say. Where a file does not, addresses tell: those that the policy gives
the interface, that the file gives the device, or that --own does. --here means
that the capture is of this machine, as it is now. What is forwarded is judged
where it was captured, and checksums are taken to be right. What cannot be judged
is counted and said.

With -o json each line is a document of its own, and the last one is a summary.

%s`, termsHelp(query.OfVerdicts)),
		Example: `  sgfw replay drops.pcapng -c /etc/sgfw/sgfw.yaml
  sgfw replay eth0.pcap -c my.yaml -i eth0 --own eth0=192.0.2.10/24 verdict:drop
  sgfw replay drops.pcapng --diff /etc/sgfw/sgfw.yaml new.yaml
  sgfw replay drops.pcapng -c my.yaml --recorded`,
		Args:              atLeast("FILE"),
		ValidArgsFunction: captureFiles,
	}
	out := outputFlag(c)
	g := c.Flags()
	g.StringVarP(&f.config, "config", "c", "", "judge by this policy file")
	g.BoolVar(&f.diff, "diff", false, "judge by the policies OLD and NEW, and print what differs")
	g.BoolVar(&f.recorded, "recorded", false,
		"print only what is judged otherwise than the capture says")
	g.StringSliceVarP(&f.devices, "interface", "i", nil,
		"the device of packets whose file names none, or NUMBER=DEVICE for those of one number")
	g.StringSliceVar(&f.own, "own", nil, "DEVICE=ADDRESS: an address of a device, or a CIDR with it")
	g.StringSliceVar(&f.resolvers, "resolver", nil,
		"the address of a name server, for policies that exempt those")
	g.BoolVar(&f.here, "here", false,
		"the capture is of this machine: take its devices, addresses and name servers")
	c.RunE = func(c *cobra.Command, args []string) error {
		name, policies, terms := args[0], []string{f.config}, args[1:]
		switch {
		case f.diff == (f.config != ""):
			return &usageError{errors.New("by which policy? --config POLICY, or --diff OLD NEW")}
		case f.diff && f.recorded:
			return &usageError{errors.New("--recorded and --diff exclude each other")}
		case f.diff:
			if len(terms) < 2 {
				return &usageError{errors.New("--diff compares two policies: replay FILE --diff OLD NEW")}
			}
			policies, terms = terms[:2], terms[2:]
		}
		if _, err := query.Parse(query.FromArguments(terms), query.OfVerdicts); err != nil {
			return &usageError{err}
		}
		names, err := f.names()
		if err != nil {
			return &usageError{err}
		}
		r := &replayer{program: p, format: *out, diff: f.diff, recorded: f.recorded}
		for _, path := range policies {
			if err := p.addJudge(r, path, &f, terms); err != nil {
				return err
			}
		}
		in, err := openCapture(name, c.InOrStdin())
		if err != nil {
			return err
		}
		defer in.Close()
		player, err := replay.NewPlayer(in, names)
		if err != nil {
			return fmt.Errorf("%s: %w", named(name), err)
		}
		return r.run(player, named(name))
	}
	return c
}

// captureFiles has the shell offer captures and policies.
func captureFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"pcapng", "pcap", "cap", "yaml", "yml"},
		cobra.ShellCompDirectiveFilterFileExt
}

// openCapture opens a capture, or takes standard input.
func openCapture(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}

// names are the devices of packets whose file names none.
func (f *replayFlags) names() (replay.Names, error) {
	out := replay.Names{ByIndex: make(map[uint32]string)}
	for _, text := range f.devices {
		number, device, ok := strings.Cut(text, "=")
		if !ok {
			if out.All != "" {
				return out, fmt.Errorf("-i %s: every packet is of %s already", text, out.All)
			}
			out.All = text
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || device == "" {
			return out, fmt.Errorf("-i %s: it is NUMBER=DEVICE, such as 3=eth0", text)
		}
		out.ByIndex[uint32(n)] = device
	}
	return out, nil
}

// addresses are those of --own, by device and in the order of the flags.
func (f *replayFlags) addresses() (devices []string, own map[string][]netip.Prefix, err error) {
	own = make(map[string][]netip.Prefix)
	for _, text := range f.own {
		device, address, ok := strings.Cut(text, "=")
		prefix, err := netip.ParsePrefix(address)
		if err != nil {
			var a netip.Addr
			a, err = netip.ParseAddr(address)
			prefix = netip.PrefixFrom(a, a.BitLen())
		}
		if !ok || device == "" || err != nil {
			return nil, nil, fmt.Errorf("--own %s: it is DEVICE=ADDRESS, such as eth0=192.0.2.10/24", text)
		}
		if own[device] == nil {
			devices = append(devices, device)
		}
		own[device] = append(own[device], prefix)
	}
	return devices, own, nil
}

// addJudge adds a policy to judge by, and what is known of the machine.
func (p *program) addJudge(r *replayer, path string, f *replayFlags, terms []string) error {
	pol, _, err := loadPolicy(&path, nil, file.Parse)
	if err != nil {
		return err
	}
	cfg := replay.Config{Policy: pol}
	devices, own, err := f.addresses()
	if err != nil {
		return &usageError{err}
	}
	for _, name := range devices {
		cfg.Links = append(cfg.Links, replay.Link(name, own[name]))
	}
	for _, text := range f.resolvers {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return &usageError{fmt.Errorf("--resolver %s: it is no address", text)}
		}
		cfg.Resolvers = append(cfg.Resolvers, a)
	}
	if f.here {
		live, err := p.links()
		if err != nil {
			return fmt.Errorf("the devices of this machine: %w", err)
		}
		for _, l := range live.Facts.Links {
			if own[l.Name] == nil {
				cfg.Links = append(cfg.Links, l)
			}
		}
		servers, err := resolvers.SystemFiles.Read()
		if err != nil && pol.Settings.Exempt.Has(policy.ExemptResolvers) {
			return fmt.Errorf("the name servers of this machine: %w", err)
		}
		cfg.Resolvers = append(cfg.Resolvers, servers...)
	}
	return r.add(cfg, query.FromArguments(terms))
}
