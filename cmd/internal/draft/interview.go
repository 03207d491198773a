package draft

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ErrNothing is returned when no device is to be protected.
var ErrNothing = errors.New("there is no device to protect")

// Asker puts a question to somebody, and returns the answer or the usual one.
type Asker interface {
	Ask(question, usual string) (string, error)
	// Misunderstood says why the same question comes again.
	Misunderstood(why string)
}

// Usual answers every question as most people would, without asking.
type Usual struct{}

// Ask implements [Asker].
func (Usual) Ask(_, usual string) (string, error) { return usual, nil }

// Misunderstood implements [Asker].
func (Usual) Misunderstood(string) {}

// Words of answers.
const (
	yes = "y"
	no  = "n"
)

// opening is a service and who may come to it.
type opening struct {
	Service
	ssh  bool
	from []netip.Prefix
}

// everyone is every address of both families.
var everyone = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// Draft asks what is to be protected and opened. Errors are those of the asker, and
// ErrNothing.
func Draft(m Machine, ask Asker) (*Policy, error) {
	p := &Policy{}
	if err := p.devices(m, ask); err != nil {
		return nil, err
	}
	m.serveSessions()
	slices.SortStableFunc(m.Services, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), strings.Compare(a.Protocol, b.Protocol))
	})
	clients := clients(m.Sessions)
	for _, s := range m.Services {
		if !s.behind(p.managed) {
			continue
		}
		o := opening{Service: s, ssh: m.servesSSH(s)}
		usual, who := everyone, "everyone"
		if o.ssh && len(clients) > 0 {
			usual, who = clients, "those who are connected now, "+prefixes(clients)
		}
		var err error
		if o.from, err = sources(ask, fmt.Sprintf("Open %s to %s? (y, n, or networks)", s, who),
			usual); err != nil {
			return nil, err
		}
		if len(o.from) == 0 {
			p.closed = append(p.closed, s)
		} else {
			p.open = append(p.open, o)
		}
	}
	p.bound()
	return p, nil
}

// bound closes the services that are more than the quotas take, the last ones first. SSH
// stays open: it has a group of its own, and whoever wrote the draft may have come by it.
func (p *Policy) bound() {
	for len(p.groups()) > groupsPerDevice {
		last := len(p.open) - 1
		for p.open[last].ssh {
			last-- // SSH alone is one group, so there are others
		}
		p.closed = append([]Service{p.open[last].Service}, p.closed...)
		p.open = slices.Delete(p.open, last, last+1)
	}
}

// devices asks which to protect: usually those that lead outside.
func (p *Policy) devices(m Machine, ask Asker) error {
	outward := slices.ContainsFunc(m.Devices, func(d Device) bool { return d.Outward })
	for _, d := range m.Devices {
		if len(d.Addresses) == 0 && !d.Outward {
			p.unmanaged = append(p.unmanaged, d) // a port of something, or not in use
			continue
		}
		usual := no
		if d.Outward || !outward && len(d.Addresses) > 0 {
			usual = yes
		}
		for {
			answer, err := ask.Ask(fmt.Sprintf("Protect %s? (y or n)", d), usual)
			if err != nil {
				return err
			}
			switch strings.ToLower(strings.TrimSpace(answer)) {
			case yes, "yes":
				p.managed = append(p.managed, d)
			case no, "no":
				p.unmanaged = append(p.unmanaged, d)
			default:
				ask.Misunderstood(fmt.Sprintf("%q is neither y nor n", answer))
				continue
			}
			break
		}
	}
	if len(p.managed) == 0 {
		return ErrNothing
	}
	return nil
}

// sources asks who may come to a service: nobody, the usual ones, or some networks.
func sources(ask Asker, question string, usual []netip.Prefix) ([]netip.Prefix, error) {
	for {
		answer, err := ask.Ask(question, yes)
		if err != nil {
			return nil, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case yes, "yes":
			return usual, nil
		case no, "no":
			return nil, nil
		}
		list, err := parsePrefixes(answer)
		if err == nil {
			return list, nil
		}
		ask.Misunderstood(err.Error())
	}
}

// parsePrefixes reads addresses and networks with spaces or commas between them.
func parsePrefixes(text string) (out []netip.Prefix, err error) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			a, aerr := netip.ParseAddr(word)
			if aerr != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a network such as 192.0.2.0/24", word)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q: write IPv4 addresses as such", word)
		}
		if p = p.Masked(); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("that is no answer")
	}
	return out, nil
}

// clients are the addresses of live sessions.
func clients(sessions []Session) (out []netip.Prefix) {
	for _, s := range sessions {
		if p := netip.PrefixFrom(s.Client, s.Client.BitLen()); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return out
}

// prefixes lists networks, addresses without their length.
func prefixes(list []netip.Prefix) string {
	var out []string
	for _, p := range list {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
		} else {
			out = append(out, p.String())
		}
	}
	return strings.Join(out, ", ")
}

// String is the service as questions name it.
func (s Service) String() string {
	text := fmt.Sprintf("%s port %d", s.Protocol, s.Port)
	if len(s.Processes) > 0 {
		text += " (" + strings.Join(s.Processes, ", ") + ")"
	}
	return text
}
