package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Service is a name for a port in the policy file.
type Service struct {
	Name string
	Port int
	// Protocols are those that the service speaks.
	Protocols []Protocol
}

// services are the types that the consoles of AWS offer, and a few that every server
// has. They are the same on each machine, unlike /etc/services.
var services = []Service{
	{"dns", 53, []Protocol{TCP, UDP}},
	{"http", 80, []Protocol{TCP}},
	{"https", 443, []Protocol{TCP, UDP}},
	{"imap", 143, []Protocol{TCP}},
	{"imaps", 993, []Protocol{TCP}},
	{"ldap", 389, []Protocol{TCP, UDP}},
	{"ldaps", 636, []Protocol{TCP}},
	{"mssql", 1433, []Protocol{TCP}},
	{"mysql", 3306, []Protocol{TCP}},
	{"nfs", 2049, []Protocol{TCP, UDP}},
	{"ntp", 123, []Protocol{UDP}},
	{"oracle", 1521, []Protocol{TCP}},
	{"pop3", 110, []Protocol{TCP}},
	{"pop3s", 995, []Protocol{TCP}},
	{"postgresql", 5432, []Protocol{TCP}},
	{"rdp", 3389, []Protocol{TCP, UDP}},
	{"redis", 6379, []Protocol{TCP}},
	{"redshift", 5439, []Protocol{TCP}},
	{"smb", 445, []Protocol{TCP}},
	{"smtp", 25, []Protocol{TCP}},
	{"smtps", 465, []Protocol{TCP}},
	{"snmp", 161, []Protocol{UDP}},
	{"ssh", 22, []Protocol{TCP}},
	{"submission", 587, []Protocol{TCP}},
	{"syslog", 514, []Protocol{TCP, UDP}},
	{"winrm", 5985, []Protocol{TCP}},
	{"wireguard", 51820, []Protocol{UDP}},
}

// Services are the names that the policy file takes for ports, in order of name. The
// result must not be changed.
func Services() []Service { return services }

// ServiceNamed returns the service of a name, of whatever protocol. A name that is not
// known is a Problem without Pos.
func ServiceNamed(name string) (Service, *Problem) {
	i := slices.IndexFunc(services,
		func(s Service) bool { return strings.EqualFold(s.Name, name) })
	if i >= 0 {
		return services[i], nil
	}
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	unknown := &Problem{Code: InvalidParameterValue,
		Hint:    "write the number of the port; sgfw.yaml(5) has the names that are known",
		Message: fmt.Sprintf("no service is called %s", Quote(name))}
	if near := Suggest(name, names); near != "" {
		unknown.Hint = "did you mean " + near + "?"
	}
	return Service{}, unknown
}

// ServicePort returns the port of a service, for a rule of a protocol. A name that is
// not known, or that the protocol does not have, is a Problem without Pos.
func ServicePort(name string, p Protocol) (int, *Problem) {
	s, unknown := ServiceNamed(name)
	if unknown != nil {
		return 0, unknown
	}
	if !slices.Contains(s.Protocols, p) {
		return 0, &Problem{Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s is a service of %s, not of %s", s.Name, s.Protocols[0], p),
			Hint:    fmt.Sprintf("write protocol: %s, or the number %d", s.Protocols[0], s.Port)}
	}
	return s.Port, nil
}
