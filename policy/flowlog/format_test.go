package flowlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/parity"
)

func TestParseFormat(t *testing.T) {
	parity.Proves(t, "F2", "F3")
	for _, c := range []struct {
		text    string
		version int
		column  int // of the mistake, 0 for none
		says    string
	}{
		{DefaultFormat, 2, 0, ""},
		{"${srcaddr}", 2, 0, ""},
		{"${sgfw-reason}", 2, 0, ""},
		{"${action} ${tcp-flags}", 3, 0, ""},
		{"${region} ${tcp-flags}", 4, 0, ""},
		{"${flow-direction} ${version}", 5, 0, ""},
		{"${ecs-task-id}", 7, 0, ""},
		{"${reject-reason} ${bytes}", 8, 0, ""},
		{"${encryption-status} ${resource-id}", 10, 0, ""},
		{"${next-hop-interface-type} ${asg-tag-2}", 11, 0, ""},
		{"", 0, 1, "no field"},
		{"version", 0, 1, `"version" is no field`},
		{"${version}  ${action}", 0, 12, `"" is no field`},
		{"${version} ${acton}", 0, 12, `no field "acton"`},
		{"${version} ${version}", 0, 12, "twice"},
		{"${version},${action}", 0, 1, "no field"},
		{"${version} ", 0, 12, `"" is no field`},
		{" ${version}", 0, 1, `"" is no field`},
		{"${version}\n${action}", 0, 1, "no field"},
		{"${VERSION}", 0, 1, "no field"},
		{strings.Repeat("x", MaxFormat+1), 0, MaxFormat + 1, "longer"},
	} {
		f, err := ParseFormat(c.text)
		if c.column == 0 {
			if err != nil || f.Version() != c.version || f.String() != c.text {
				t.Errorf("%s: version %d, %q, %v; want version %d", c.text, f.Version(), f, err, c.version)
			}
			continue
		}
		bad, ok := errors.AsType[*FormatError](err)
		if !ok || bad.Column != c.column || !strings.Contains(bad.Message, c.says) {
			t.Errorf("%.40q: %v, want %q in column %d", c.text, err, c.says, c.column)
		}
	}
	for text, hint := range map[string]string{
		"${tcp_flags}": "${tcp-flags}", "${Action}": "${action}", "${ruleid}": "lists",
		"${rule-id}": "${sgfw-rule-id}", "${src-addr}": "${srcaddr}", "${x}": "lists",
	} {
		_, err := ParseFormat(text)
		if bad, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(bad.Hint, hint) {
			t.Errorf("%s: %+v, want the hint %s", text, err, hint)
		}
	}
}

// TestFields: every field has a name that is found, a name for SQL, and only ours have no
// version.
func TestFields(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range Fields() {
		if got, ok := FieldNamed(f.String()); !ok || got != f || seen[f.Column()] {
			t.Errorf("%q: %v, %v", f, got, ok)
		}
		seen[f.Column()] = true
		if ours := strings.HasPrefix(f.String(), "sgfw-"); ours != (f.Since() == 0) {
			t.Errorf("%s is of version %d", f, f.Since())
		}
	}
	if len(seen) != 14+7+4+4+10+1+2+12+5 {
		t.Errorf("%d fields", len(seen))
	}
}

// naiveRecord is what a record has in each field, by its name, said in another way.
func naiveRecord(version int, n Names, r Record) map[string]string {
	m := map[string]string{
		"version": fmt.Sprint(version), "account-id": n.AccountID, "interface-id": r.Interface,
		"start": fmt.Sprint(r.Start), "end": fmt.Sprint(r.End), "vpc-id": n.VPCID,
		"subnet-id": n.SubnetID, "instance-id": n.InstanceID, "region": n.Region, "az-id": n.AZID,
		"sgfw-device": r.Device,
		"log-status":  map[Status]string{OK: "OK", NoData: "NODATA", SkipData: "SKIPDATA"}[r.Status],
	}
	if r.Status == OK {
		m["srcaddr"], m["dstaddr"] = fmt.Sprint(r.Src), fmt.Sprint(r.Dst)
		m["pkt-srcaddr"], m["pkt-dstaddr"] = fmt.Sprint(r.PktSrc), fmt.Sprint(r.PktDst)
		m["srcport"], m["dstport"] = fmt.Sprint(r.SrcPort), fmt.Sprint(r.DstPort)
		m["protocol"], m["packets"] = fmt.Sprint(r.Protocol), fmt.Sprint(r.Packets)
		m["bytes"], m["tcp-flags"] = fmt.Sprint(r.Bytes), fmt.Sprint(r.Flags)
		m["action"] = map[bool]string{true: "ACCEPT", false: "REJECT"}[r.Accepted]
		m["type"] = map[bool]string{true: "IPv4", false: "IPv6"}[r.PktSrc.Is4()]
		m["flow-direction"] = map[bool]string{true: "egress", false: "ingress"}[r.Egress]
		m["sgfw-rule-id"], m["sgfw-group-id"], m["sgfw-reason"] = r.RuleID, r.GroupID, r.Reason
		m["sgfw-generation"] = fmt.Sprint(r.Generation)
	}
	return m
}

// TestAppendAgainstNaive: random records in random formats read as a table of names says, and
// every field in turn.
func TestAppendAgainstNaive(t *testing.T) {
	parity.Proves(t, "F1", "F2", "F6", "F11", "F15")
	random := rand.New(rand.NewPCG(3, 4))
	addr := func() netip.Addr {
		if random.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{192, 0, 2, byte(random.Uint32())})
		}
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", random.IntN(1<<16)))
	}
	word := func(s string) string {
		if random.IntN(3) == 0 {
			return ""
		}
		return s
	}
	for range 5000 {
		fields := Fields()
		random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		var text []string
		version := 2
		for _, f := range fields[:1+random.IntN(len(fields))] {
			text = append(text, "${"+f.String()+"}")
			version = max(version, f.Since())
		}
		f, err := ParseFormat(strings.Join(text, " "))
		if err != nil {
			t.Fatal(err)
		}
		n := Names{AccountID: word("123456789010"), VPCID: word("vpc-1"), SubnetID: word("subnet-1"),
			InstanceID: word("i-1"), Region: word("eu-central-1"), AZID: word("euc1-az1")}
		r := Record{Status: Status(random.IntN(3)), Interface: "eni-1", Device: word("eth0"),
			Src: addr(), Dst: addr(), PktSrc: addr(), PktDst: addr(),
			SrcPort: uint16(random.Uint32()), DstPort: uint16(random.Uint32()),
			Protocol: uint8(random.Uint32()), Packets: random.Uint64() >> 20,
			Bytes: random.Uint64() >> 8, Start: random.Int64N(1 << 32), End: random.Int64N(1 << 32),
			Egress: random.IntN(2) == 0, Accepted: random.IntN(2) == 0, Flags: uint8(random.IntN(32)),
			RuleID: word("sgr-1"), GroupID: word("sg-1"), Reason: word("rule"),
			Generation: random.Uint64N(1 << 40)}
		naive := naiveRecord(version, n, r)
		values := strings.Split(string(f.Append(nil, &n, &r)), " ")
		for i, name := range strings.Split(f.Header(), " ") {
			want := naive[name]
			if want == "" {
				want = "-"
			}
			if values[i] != want {
				t.Errorf("%s of %+v is %q, want %q", name, r, values[i], want)
			}
		}
		if len(values) != len(f.Fields()) {
			t.Errorf("%d values of %d fields", len(values), len(f.Fields()))
		}
	}
}

// TestAppendOneWord: what somebody called "a b" is one value all the same.
func TestAppendOneWord(t *testing.T) {
	f, err := ParseFormat("${sgfw-device} ${log-status}")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Append(nil, &Names{}, &Record{Device: "a b\nc\x7f"})); got != "a_b_c_ OK" {
		t.Errorf("%q", got)
	}
}

// FuzzParseFormat: a text is refused with a column in it, or says again what it said.
func FuzzParseFormat(f *testing.F) {
	f.Add(DefaultFormat)
	f.Add("${version} ${srcaddr}  ")
	f.Add("${")
	f.Fuzz(func(t *testing.T, text string) {
		format, err := ParseFormat(text)
		if err != nil {
			bad, ok := errors.AsType[*FormatError](err)
			if !ok || bad.Column < 1 || bad.Column > len(text)+1 || bad.Message == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if format.String() != text || len(format.Fields()) == 0 || format.Version() < 2 {
			t.Errorf("%q is %q, version %d", text, format, format.Version())
		}
		r := Record{Src: netip.IPv6Loopback(), Dst: netip.IPv6Loopback()}
		values := strings.Split(string(format.Append(nil, &Names{}, &r)), " ")
		if len(values) != len(format.Fields()) {
			t.Errorf("%q: %d values", text, len(values))
		}
	})
}
