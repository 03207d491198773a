package awsjson

// The document and its parts have the names and the order of the CLI.
type document struct {
	PrefixLists        []jsonList      `json:",omitempty"`
	SecurityGroups     []jsonGroup     ``
	SecurityGroupRules []jsonRule      `json:",omitempty"`
	NetworkInterfaces  []jsonInterface `json:",omitempty"`
	NetworkACLs        []jsonACL       `json:"NetworkAcls,omitempty"`
}

type jsonTag struct{ Key, Value string }

type jsonList struct {
	PrefixListID  string `json:"PrefixListId"`
	AddressFamily string `json:",omitempty"`
	State         string
	Name          string `json:"PrefixListName"`
	MaxEntries    int    `json:",omitempty"`
	Version       int
	OwnerID       string `json:"OwnerId"`
	Entries       []jsonEntry
}

type jsonEntry struct {
	Cidr        string
	Description string `json:",omitempty"`
}

type jsonGroup struct {
	GroupID     string           `json:"GroupId"`
	Egress      []jsonPermission `json:"IpPermissionsEgress"`
	Tags        []jsonTag        `json:",omitempty"`
	VPCID       string           `json:"VpcId,omitempty"`
	OwnerID     string           `json:"OwnerId"`
	GroupName   string
	Description string
	Ingress     []jsonPermission `json:"IpPermissions"`
}

type jsonPermission struct {
	Protocol string      `json:"IpProtocol"`
	From     *int        `json:"FromPort,omitempty"`
	To       *int        `json:"ToPort,omitempty"`
	Pairs    []jsonPair  `json:"UserIdGroupPairs"`
	V4       []jsonRange `json:"IpRanges"`
	V6       []jsonRange `json:"Ipv6Ranges"`
	Lists    []jsonRef   `json:"PrefixListIds"`
}

type jsonPair struct {
	Description string `json:",omitempty"`
	UserID      string `json:"UserId,omitempty"`
	GroupID     string `json:"GroupId"`
}

type jsonRange struct {
	Description string `json:",omitempty"`
	V4          string `json:"CidrIp,omitempty"`
	V6          string `json:"CidrIpv6,omitempty"`
}

type jsonRef struct {
	Description string `json:",omitempty"`
	ID          string `json:"PrefixListId"`
}

// jsonRule is a rule that has tags, which permissions have no place for.
type jsonRule struct {
	ID          string `json:"SecurityGroupRuleId"`
	GroupID     string `json:"GroupId"`
	OwnerID     string `json:"GroupOwnerId"`
	IsEgress    bool
	Protocol    string    `json:"IpProtocol"`
	From        int       `json:"FromPort"`
	To          int       `json:"ToPort"`
	V4          string    `json:"CidrIpv4,omitempty"`
	V6          string    `json:"CidrIpv6,omitempty"`
	List        string    `json:"PrefixListId,omitempty"`
	Group       *jsonPair `json:"ReferencedGroupInfo,omitempty"`
	Description string    `json:",omitempty"`
	Tags        []jsonTag
}

type jsonInterface struct {
	Groups     []jsonMembership
	V6         []jsonAddress `json:"Ipv6Addresses"`
	ID         string        `json:"NetworkInterfaceId"`
	OwnerID    string        `json:"OwnerId"`
	V4         []jsonAddress `json:"PrivateIpAddresses"`
	V4Prefixes []jsonAddress `json:"Ipv4Prefixes,omitempty"`
	V6Prefixes []jsonAddress `json:"Ipv6Prefixes,omitempty"`
	TagSet     []jsonTag
}

type jsonMembership struct {
	GroupID   string `json:"GroupId"`
	GroupName string
}

type jsonAddress struct {
	V4       string `json:"PrivateIpAddress,omitempty"`
	V6       string `json:"Ipv6Address,omitempty"`
	V4Prefix string `json:"Ipv4Prefix,omitempty"`
	V6Prefix string `json:"Ipv6Prefix,omitempty"`
}

type jsonACL struct {
	Associations []struct{} // to subnets, of which a policy has none
	Entries      []jsonACLRule
	IsDefault    bool
	ID           string `json:"NetworkAclId"`
	Tags         []jsonTag
	OwnerID      string `json:"OwnerId"`
}

type jsonACLRule struct {
	V4       string `json:"CidrBlock,omitempty"`
	V6       string `json:"Ipv6CidrBlock,omitempty"`
	Egress   bool
	ICMP     *jsonICMP  `json:"IcmpTypeCode,omitempty"`
	Ports    *jsonPorts `json:"PortRange,omitempty"`
	Protocol string
	Action   string `json:"RuleAction"`
	Number   int    `json:"RuleNumber"`
}

type jsonICMP struct{ Code, Type int }

type jsonPorts struct{ From, To int }
