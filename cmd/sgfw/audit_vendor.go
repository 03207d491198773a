package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/metadefender"
	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/reputation"
)

// askVendor is the value of --reputation that asks MetaDefender.
const askVendor = "metadefender"

// keyVariable is the variable of the environment that stands for --apikey.
const keyVariable = "MDCLOUD_APIKEY"

// vendor are the flags for asking MetaDefender.
type vendor struct{ key, url string }

func (v *vendor) flags(f *pflag.FlagSet) {
	f.StringVar(&v.key, "apikey", "", "the key for "+askVendor+"; better in "+keyVariable+
		" of the environment, where other users do not see it")
	f.StringVar(&v.url, "base-url", metadefender.DefaultURL, "where "+askVendor+" answers")
}

// ready reports what is missing to ask.
func (v *vendor) ready() error {
	if v.key = cmp.Or(v.key, os.Getenv(keyVariable)); v.key == "" {
		return &usageError{fmt.Errorf("--reputation %s: there is no key in %s", askVendor, keyVariable)}
	}
	u, err := url.Parse(v.url)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return &usageError{fmt.Errorf("--base-url: %q is no URL", v.url)}
	}
	return nil
}

// askVendor asks MetaDefender about the single public addresses of a policy, after it has said
// which. The list has those of which a source has a bad opinion.
func (p *program) askVendor(ctx context.Context, v *vendor, pol *policy.Policy, o audit.Options) (
	*reputation.List, []api.AddressVerdict, error) {
	hosts, ranges := audit.Hosts(pol, o)
	p.tell(fmt.Sprintf("asking %s about %s: %s", v.url, addressCount(len(hosts)), addressList(hosts)))
	if ranges > 0 {
		p.tell(fmt.Sprintf("not asked about %s: it knows single addresses only", count(ranges, "range")))
	}
	c := &metadefender.Client{URL: v.url, Key: v.key, HTTP: &http.Client{
		// The key is for this host and no other one.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the server leads elsewhere")
		}}}
	verdicts, err := c.Lookup(ctx, hosts)
	if err != nil {
		return nil, nil, fmt.Errorf("%w; %d of %d addresses were answered", err, len(verdicts),
			len(hosts))
	}
	var bad []reputation.Entry
	said := []api.AddressVerdict{}
	for _, verdict := range verdicts {
		doc := api.AddressVerdict{Address: verdict.Address.String(), DetectedBy: verdict.DetectedBy,
			Sources: []api.SourceVerdict{}}
		var opinions []string
		for _, s := range verdict.Sources {
			doc.Sources = append(doc.Sources, api.SourceVerdict(s))
			if s.Assessment != "" {
				opinions = append(opinions, s.Provider+": "+s.Assessment)
			}
		}
		said = append(said, doc)
		if verdict.DetectedBy > 0 {
			bad = append(bad, reputation.Entry{
				CIDR: netip.PrefixFrom(verdict.Address, verdict.Address.BitLen()),
				Note: strings.Join(opinions, ", ")})
		}
	}
	return reputation.New(askVendor, "MetaDefender Cloud",
		p.now().UTC().Format("2006-01-02 15:04 UTC"), bad), said, nil
}

// addressCount is "1 address", "2 addresses".
func addressCount(n int) string {
	if n == 1 {
		return "1 address"
	}
	return fmt.Sprintf("%d addresses", n)
}

func addressList(hosts []netip.Addr) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.String())
	}
	return cmp.Or(strings.Join(out, ", "), "none")
}
