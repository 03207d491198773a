package rules

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// TestPublishedPorts runs examples/docker-host.yaml: host mode judges what is
// forwarded to a container after its destination was rewritten, by the
// container's port, and a port that is published is not therefore open (X6).
func TestPublishedPorts(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.DockerHost())
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	four, six := harness.IP("172.17.0.2"), harness.IP("2001:db8:17::2")
	harness.Publish(t, fw, 80, 8080, four)
	harness.Publish(t, fw, 80, 8080, six)
	harness.Masquerade(t, fw, "eth0")
	harness.Echoes(t, shop, four, 22, 8080)
	harness.Echoes(t, shop, six, 22, 8080)
	office, world, world6 := harness.IP("198.51.100.10"), harness.IP("203.0.113.10"),
		harness.IP("2001:db8:d::10")
	fwOffice, fwWorld, fwWorld6 := harness.IP("198.51.100.1"), harness.IP("203.0.113.1"),
		harness.IP("2001:db8:d::1")
	harness.Echoes(t, fw, fwOffice, 22, 443)
	harness.Echoes(t, fw, fwWorld, 22, 443)
	harness.Echoes(t, client, world, 443)

	d := harness.Enforce(t, fw, harness.Example(t, "docker-host.yaml"))
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Exchange(t, "published, from anywhere", client, "tcp", world,
			harness.AddrPort(fwWorld, 80))),
		harness.Passes(harness.Exchange(t, "published, IPv6", client, "tcp", world6,
			harness.AddrPort(fwWorld6, 80))),
		harness.Passes(harness.Exchange(t, "published, from the office", client, "tcp", office,
			harness.AddrPort(fwOffice, 80))),
		harness.Passes(harness.Exchange(t, "SSH of the host from the office", client, "tcp", office,
			harness.AddrPort(fwOffice, 22))),
		harness.Drops(harness.Exchange(t, "SSH of the host from anywhere", client, "tcp", world,
			harness.AddrPort(fwWorld, 22))),
		harness.Drops(harness.Exchange(t, "a port of the host that no rule names", client, "tcp", office,
			harness.AddrPort(fwOffice, 443))),
		harness.Passes(harness.Exchange(t, "the container goes out", shop, "tcp", four,
			harness.AddrPort(world, 443))),
		// Between host and container nothing is managed.
		harness.Passes(harness.Exchange(t, "host to container", fw, "tcp", harness.IP("172.17.0.1"),
			harness.AddrPort(four, 22))),
	})

	// Another port is published; nobody wrote a rule for it.
	harness.Publish(t, fw, 2222, 22, four)
	harness.Run(t, []harness.Attempt{
		harness.Drops(harness.Exchange(t, "published without a rule", client, "tcp", world,
			harness.AddrPort(fwWorld, 2222)))})
	// The rule asks for the container's port, not for the published one.
	d.Reload(strings.Replace(harness.Example(t, "docker-host.yaml"), "ports: 8080", "ports: 80", 1))
	harness.Run(t, []harness.Attempt{
		harness.Drops(harness.Exchange(t, "a rule for the published number", client, "tcp", world,
			harness.AddrPort(fwWorld, 80)))})

	// With the bridge as a guest, the container goes where its group lets it.
	guest := strings.Replace(harness.Example(t, "docker-host.yaml"), "\n# To restrict", `
  - device: docker0
    mode: guest
    security_groups: [containers]
# To restrict`, 1)
	guest = strings.Replace(guest, "interfaces:\n", `  - name: containers
    description: What containers may do
    ingress: [{ protocol: tcp, ports: 8080, cidr_blocks: [0.0.0.0/0] }]
    egress: []
interfaces:
`, 1)
	d.Reload(guest)
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Exchange(t, "published, both agree", client, "tcp", world,
			harness.AddrPort(fwWorld, 80))),
		harness.Drops(harness.Exchange(t, "published, the guest does not agree", client, "tcp", world6,
			harness.AddrPort(fwWorld6, 80))),
		harness.Drops(harness.Exchange(t, "the container goes out, which its group does not permit", shop,
			"tcp", four, harness.AddrPort(world, 443))),
		harness.Drops(harness.Exchange(t, "host to container, which its group does not permit", fw, "tcp",
			harness.IP("172.17.0.1"), harness.AddrPort(four, 22))),
	})
}
