package operations

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// groupsOfAWS is what aws ec2 describe-security-groups, describe-network-interfaces and
// get-managed-prefix-list-entries print one after the other.
const groupsOfAWS = `{
    "SecurityGroups": [
        {
            "Description": "Pages",
            "GroupName": "web",
            "IpPermissions": [
                {
                    "FromPort": 443,
                    "IpProtocol": "tcp",
                    "IpRanges": [ { "CidrIp": "192.0.2.1/32", "Description": "Alice" } ],
                    "Ipv6Ranges": [ { "CidrIpv6": "2001:db8::10/124" } ],
                    "PrefixListIds": [ { "PrefixListId": "pl-0123456789abcdef0" } ],
                    "ToPort": 443,
                    "UserIdGroupPairs": [
                        { "GroupId": "sg-0123456789abcdef1", "UserId": "123456789012" },
                        { "GroupId": "sg-0fffffffffffffff1", "UserId": "999988887777" }
                    ]
                },
                {
                    "FromPort": 8000,
                    "IpProtocol": "tcp",
                    "IpRanges": [ { "CidrIp": "192.0.2.0/30" } ],
                    "Ipv6Ranges": [],
                    "PrefixListIds": [],
                    "ToPort": 8001,
                    "UserIdGroupPairs": []
                }
            ],
            "OwnerId": "123456789012",
            "GroupId": "sg-0123456789abcdef0",
            "IpPermissionsEgress": [
                {
                    "FromPort": 9000,
                    "IpProtocol": "tcp",
                    "IpRanges": [ { "CidrIp": "0.0.0.0/0" } ],
                    "Ipv6Ranges": [],
                    "PrefixListIds": [],
                    "ToPort": 9000,
                    "UserIdGroupPairs": []
                }
            ],
            "VpcId": "vpc-0123456789abcdef0"
        },
        {
            "Description": "Jump host",
            "GroupName": "jump",
            "IpPermissions": [],
            "OwnerId": "123456789012",
            "GroupId": "sg-0123456789abcdef1",
            "IpPermissionsEgress": [],
            "VpcId": "vpc-0123456789abcdef0"
        }
    ]
}
{
    "NetworkInterfaces": [
        {
            "Groups": [ { "GroupName": "jump", "GroupId": "sg-0123456789abcdef1" } ],
            "NetworkInterfaceId": "eni-0123456789abcdef0",
            "PrivateIpAddresses": [
                {
                    "Association": { "PublicIp": "192.0.2.12" },
                    "Primary": true,
                    "PrivateIpAddress": "192.0.2.11"
                }
            ]
        }
    ]
}
{
    "Entries": [ { "Cidr": "192.0.2.10/32", "Description": "Office" } ]
}
`

// TestImportedPolicy: what the AWS CLI prints, imported and piped into the daemon, lets pass
// what AWS's groups do: CIDRs of both families, prefix lists, members of groups by their
// private addresses, ports, both directions. What is not permitted is dropped, above all for
// groups that nobody knows the members of.
func TestImportedPolicy(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	inward := []int{443, 444, 8000, 8001, 8002}
	for _, port := range inward {
		harness.EchoOn(t, server, harness.AddrPort(netip.MustParseAddr("192.0.2.2"), port),
			harness.AddrPort(netip.MustParseAddr("2001:db8::2"), port))
	}
	for _, port := range []int{9000, 9001} {
		harness.EchoOn(t, client, harness.AddrPort(netip.MustParseAddr("192.0.2.1"), port),
			harness.AddrPort(netip.MustParseAddr("2001:db8::1"), port))
	}

	c := exec.Command(harness.Program, "import", "-", "--attach", "eth0=sg-0123456789abcdef0")
	c.Stdin = strings.NewReader(groupsOfAWS)
	var said bytes.Buffer
	c.Stderr = &said
	written, err := c.Output()
	if err != nil || !strings.Contains(said.String(), "999988887777/sg-0fffffffffffffff1") {
		t.Fatalf("%v\n%s", err, &said)
	}
	d := harness.Prepare(t, server, "")
	d.Stdin = bytes.NewReader(written)
	d.Start("-c", "-")

	var attempts []harness.Attempt
	add := func(want harness.Verdict, h *netlab.Host, from, to string) {
		a, b := netip.MustParseAddr(from), netip.MustParseAddrPort(to)
		tried := harness.Exchange(t, "from "+from, h, "tcp", a, b)
		attempts = append(attempts, harness.Expect(want, tried))
	}
	for _, in := range []struct {
		want     harness.Verdict
		from, to string
	}{
		{harness.Pass, "192.0.2.1", "192.0.2.2:443"}, // Alice
		{harness.Drop, "192.0.2.1", "192.0.2.2:444"},
		{harness.Pass, "192.0.2.10", "192.0.2.2:443"}, // the prefix list
		{harness.Pass, "192.0.2.11", "192.0.2.2:443"}, // the member of jump
		{harness.Drop, "192.0.2.12", "192.0.2.2:443"}, // its public address
		{harness.Drop, "192.0.2.21", "192.0.2.2:443"},
		{harness.Drop, "192.0.2.10", "192.0.2.2:8000"},
		{harness.Pass, "192.0.2.1", "192.0.2.2:8000"},
		{harness.Pass, "192.0.2.1", "192.0.2.2:8001"},
		{harness.Drop, "192.0.2.1", "192.0.2.2:8002"},
		{harness.Pass, "2001:db8::10", "[2001:db8::2]:443"},
		{harness.Drop, "2001:db8::21", "[2001:db8::2]:443"},
		{harness.Drop, "2001:db8::10", "[2001:db8::2]:8000"},
	} {
		add(in.want, client, in.from, in.to)
	}
	add(harness.Pass, server, "192.0.2.2", "192.0.2.1:9000")
	add(harness.Drop, server, "192.0.2.2", "192.0.2.1:9001")
	add(harness.Drop, server, "2001:db8::2", "[2001:db8::1]:9000")
	harness.Run(t, attempts)
}

// TestImportAtScale: 1,000 groups with 60,000 rules are imported within two seconds of
// computing and 300 MB.
func TestImportAtScale(t *testing.T) {
	var b strings.Builder
	b.WriteString("{\n    \"SecurityGroups\": [")
	for g := range 1000 {
		fmt.Fprintf(&b, "%s\n        {\n            \"GroupId\": \"sg-%017x\",\n            "+
			"\"GroupName\": \"service-%d\",\n            \"IpPermissions\": [", comma(g), g, g)
		for r := range 6 {
			fmt.Fprintf(&b, "%s\n                {\n                    \"IpProtocol\": \"tcp\",\n"+
				"                    \"FromPort\": %d,\n                    \"ToPort\": %[2]d,\n"+
				"                    \"IpRanges\": [", comma(r), 1000+r)
			for n := range 10 {
				fmt.Fprintf(&b, "%s\n                        {\n                            "+
					"\"Description\": \"Office %d\",\n                            "+
					"\"CidrIp\": \"10.%d.%d.0/24\"\n                        }", comma(n), n, g%256, n)
			}
			b.WriteString("\n                    ]\n                }")
		}
		b.WriteString("\n            ],\n            \"IpPermissionsEgress\": []\n        }")
	}
	b.WriteString("\n    ]\n}\n")
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(harness.Program, "import", path, "--attach", "eth0=service-0")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out, []byte("{ cidr: ")); n != 60_000 {
		t.Errorf("%d rules", n)
	}
	took := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10 // of kilobytes
	t.Logf("%d MB of input: %v of computing, %d MB", b.Len()>>20, took, most>>20)
	if took > 2*time.Second || most > 300<<20 {
		t.Errorf("%v of computing and %d MB", took, most>>20)
	}
}

func comma(n int) string {
	if n == 0 {
		return ""
	}
	return ","
}
