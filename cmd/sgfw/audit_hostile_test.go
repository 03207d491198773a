package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAuditEscapes: what a file says cannot command a terminal, nor a page, nor break a
// document.
func TestAuditEscapes(t *testing.T) {
	t.Chdir(t.TempDir())
	const name = "a|<img src=x onerror=y>*[l](http://e)`" + "&\"]]>#"
	groups := fmt.Sprintf(`{"SecurityGroups":[{"GroupId":"sg-0123456789abcdef0","GroupName":%q,`+
		`"Description":"","IpPermissions":[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":`+
		`[{"CidrIp":"0.0.0.0/0"}]}]}]}`, name)
	if err := os.WriteFile("evil\x1b[31m.json", []byte(groups), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range auditFormats {
		code, out, said := auditing("evil\x1b[31m.json", "-o", format)
		if code != exitFindings {
			t.Fatalf("%s: %d %s", format, code, said)
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("%s commands the terminal: %q", format, out)
		}
		switch format {
		case "json", "sarif":
			if !json.Valid([]byte(out)) {
				t.Errorf("%s is no JSON: %s", format, out)
			}
		case "junit":
			d := xml.NewDecoder(strings.NewReader(out))
			for {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
		case "markdown":
			if strings.Contains(out, "<img") || strings.Contains(out, "[l](") ||
				strings.Contains(out, "a|") {
				t.Errorf("the page has what the file says: %s", out)
			}
		}
	}
}

// TestAuditBounds: comments and lists as long as files may be are read in reasonable time.
func TestAuditBounds(t *testing.T) {
	t.Chdir(t.TempDir())
	ignores := strings.Repeat("# sgfw:ignore telnet until 2027-01-31: x\n", 100_000)
	lists := new(strings.Builder)
	for i := range 200_000 {
		fmt.Fprintf(lists, "5.%d.%d.%d\n", i>>16, i>>8&0xff, i&0xff)
	}
	for name, text := range map[string]string{"p.yaml": ignores + auditPolicy,
		"list.txt": lists.String()} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	code, out, said := auditing("p.yaml", "--reputation", "list.txt", "-o", "json")
	if took := time.Since(began); code != exitFindings || took > 20*time.Second {
		t.Errorf("%d after %v: %.300s %.300s", code, took, out, said)
	}
}
