package netlab

import (
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Lab is a running network. Its methods are safe for concurrent use.
type Lab struct {
	hosts map[string]*Host
	order []*Host
	close func() error
}

// Build makes the network t and returns when every address can be used. On an
// error nothing is left behind.
func Build(t Topology) (*Lab, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	l := &Lab{hosts: make(map[string]*Host, len(t.Hosts))}
	l.close = sync.OnceValue(l.tearDown)
	if err := l.build(t); err != nil {
		return nil, errors.Join(fmt.Errorf("netlab: %w", err), l.Close())
	}
	return l, nil
}

// Available reports whether this process may build a lab, nil if it may.
func Available() error {
	ns, err := newNamespace()
	if err != nil {
		return fmt.Errorf("netlab: %w", err)
	}
	return ns.file.Close()
}

// Host returns the host of that name. It panics if the topology has none.
func (l *Lab) Host(name string) *Host {
	h, ok := l.hosts[name]
	if !ok {
		panic(fmt.Sprintf("netlab: no host %q", name))
	}
	return h
}

// Close kills the commands that still run in the lab and lets go of the
// namespaces. The kernel takes a namespace and its links down soon after the last
// socket that was opened in it is closed; to delete links one by one would take
// ten times as long as all the rest. Further calls return what the first one did.
func (l *Lab) Close() error { return l.close() }

func (l *Lab) build(t Topology) error {
	for _, spec := range t.Hosts {
		h, err := newHost(spec)
		if h != nil {
			l.hosts[spec.Name] = h
			l.order = append(l.order, h)
		}
		if err != nil {
			return fmt.Errorf("host %s: %w", spec.Name, err)
		}
		err = h.setSysctls(spec.Sysctls,
			func(path string) bool { return !namesDevice(t, spec.Name, path) })
		if err != nil {
			return err
		}
	}
	links := make([]*link, 0, len(t.Links))
	for i, spec := range t.Links {
		k, err := l.addLink(i, spec)
		if err != nil {
			return fmt.Errorf("link %s/%s - %s/%s: %w", spec.A.Host, spec.A.Dev, spec.B.Host, spec.B.Dev,
				err)
		}
		links = append(links, k)
	}
	for _, spec := range t.Hosts {
		if err := l.hosts[spec.Name].setSysctls(spec.Sysctls, l.hosts[spec.Name].ofDevice); err != nil {
			return err
		}
	}
	for _, k := range links {
		if err := k.up(); err != nil {
			return err
		}
	}
	for _, spec := range t.Hosts {
		if err := l.hosts[spec.Name].addRoutes(spec.Routes); err != nil {
			return fmt.Errorf("host %s: %w", spec.Name, err)
		}
	}
	return nil
}

func (l *Lab) tearDown() error {
	var errs []error
	for _, h := range l.order {
		h.stopCommands()
	}
	for _, h := range l.order {
		for _, d := range h.devices {
			errs = append(errs, d.close())
		}
		if h.netlink != nil {
			h.netlink.Close()
		}
		errs = append(errs, h.ns.file.Close())
	}
	return errors.Join(errs...)
}

// newHost makes a host without devices. It returns the host together with an
// error when there is something to close.
func newHost(spec HostSpec) (*Host, error) {
	ns, err := newNamespace()
	if err != nil {
		return nil, err
	}
	h := &Host{name: spec.Name, ns: ns, devices: make(map[string]*Device),
		running: make(map[*Cmd]struct{})}
	// The handle's sockets belong to the namespace in which they were opened. The
	// library's own way there, NewHandleAt, gives its thread back even when it
	// could not leave the namespace.
	err = h.Do(func() (err error) {
		h.netlink, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return h, err
	}
	if err := h.setBaseSysctls(spec.Forward); err != nil {
		return h, err
	}
	lo, err := h.netlink.LinkByName("lo")
	if err != nil {
		return h, err
	}
	return h, h.netlink.LinkSetUp(lo)
}
