package audit

import (
	"fmt"

	"sgfw/policy"
	"sgfw/policy/space"
)

// service is what usually listens on ports.
type service struct {
	protocol policy.Protocol
	from, to int
	name     string
	check    string
	severity Severity
}

func (s *service) span() space.Span { return space.Ports(s.protocol, s.from, s.to) }

// String is "tcp 22 (SSH)".
func (s *service) String() string {
	ports := fmt.Sprint(s.from)
	if s.to != s.from {
		ports += fmt.Sprintf("-%d", s.to)
	}
	return fmt.Sprintf("%s %s (%s)", s.protocol, ports, s.name)
}

func tcp(from, to int, name string) service {
	return service{policy.TCP, from, to, name, openSensitive, High}
}

func risky(port int, name string) service {
	return service{policy.TCP, port, port, name, openRisky, Medium}
}

func udp(port int, name string, s Severity) service {
	return service{policy.UDP, port, port, name, openAmplifier, s}
}

// services are those that the internet is not for: the lists of Prowler, Security Hub and
// Trusted Advisor, and what else is found open by those who scan. DNS and time servers are
// often meant for everybody.
var services = []service{
	tcp(22, 22, "SSH"), tcp(3389, 3389, "RDP"), tcp(20, 21, "FTP"), tcp(23, 23, "telnet"),
	tcp(111, 111, "portmapper"), tcp(135, 135, "Windows RPC"), tcp(137, 139, "NetBIOS"),
	tcp(389, 389, "LDAP"), tcp(445, 445, "SMB"), tcp(512, 514, "rsh"), tcp(623, 623, "IPMI"),
	tcp(873, 873, "rsync"), tcp(1433, 1434, "SQL Server"), tcp(1521, 1521, "Oracle"),
	tcp(2049, 2049, "NFS"), tcp(2181, 2181, "ZooKeeper"), tcp(2375, 2376, "Docker"),
	tcp(2379, 2380, "etcd"), tcp(2483, 2484, "Oracle"), tcp(3306, 3306, "MySQL"),
	tcp(4333, 4333, "mSQL"), tcp(5432, 5432, "PostgreSQL"), tcp(5439, 5439, "Redshift"),
	tcp(5500, 5500, "VNC"), tcp(5601, 5601, "Kibana"), tcp(5672, 5672, "AMQP"),
	tcp(5900, 5906, "VNC"), tcp(5984, 5984, "CouchDB"), tcp(5985, 5986, "WinRM"),
	tcp(6379, 6379, "Redis"), tcp(6443, 6443, "Kubernetes"), tcp(7000, 7001, "Cassandra"),
	tcp(7199, 7199, "Cassandra"), tcp(8086, 8086, "InfluxDB"), tcp(8500, 8500, "Consul"),
	tcp(8983, 8983, "Solr"), tcp(9042, 9042, "Cassandra"), tcp(9092, 9094, "Kafka"),
	tcp(9160, 9160, "Cassandra"), tcp(9200, 9200, "Elasticsearch"),
	tcp(9300, 9300, "Elasticsearch"), tcp(10250, 10250, "kubelet"),
	tcp(11211, 11211, "memcached"), tcp(15672, 15672, "RabbitMQ"),
	tcp(27017, 27019, "MongoDB"), tcp(50000, 50000, "DB2"), tcp(50070, 50070, "Hadoop"),

	risky(25, "SMTP"), risky(110, "POP3"), risky(143, "IMAP"), risky(3000, "development"),
	risky(5000, "development"), risky(8000, "development"), risky(8080, "HTTP"),
	risky(8088, "HTTP"), risky(8888, "Jupyter"), risky(9000, "development"),
	risky(9090, "Prometheus"),

	udp(17, "quote of the day", High), udp(19, "chargen", High), udp(53, "DNS", Medium),
	udp(69, "TFTP", High), udp(111, "portmapper", High), udp(123, "NTP", Medium),
	udp(137, "NetBIOS", High), udp(161, "SNMP", High), udp(389, "CLDAP", High),
	udp(427, "SLP", High), udp(520, "RIP", High), udp(623, "IPMI", High),
	udp(1434, "SQL Server", High),
	udp(1900, "SSDP", High), udp(3283, "Apple Remote Desktop", High), udp(3389, "RDP", High),
	udp(3702, "WS-Discovery", High), udp(5093, "Sentinel", High), udp(5351, "NAT-PMP", High),
	udp(5353, "mDNS", High), udp(5683, "CoAP", High), udp(10001, "Ubiquiti", High),
	udp(11211, "memcached", High), udp(37810, "DVR", High),
}

// serviceCodes are what other tools call a port of TCP that is open to everybody.
var serviceCodes = map[int]Also{
	22: {Checkov: []string{"CKV_AWS_24"}, Trivy: []string{"AVD-AWS-0107"},
		Prowler: []string{prowlerPort + "22"},
		AWS:     []string{"EC2.13", "EC2.53", "EC2.54", "restricted-ssh"},
		CIS:     []string{"CIS 1.4 5.2", "CIS 6.0 6.3", "CIS 6.0 6.4"}},
	3389: {Checkov: []string{"CKV_AWS_25"}, Trivy: []string{"AVD-AWS-0107"},
		Prowler: []string{prowlerPort + "3389"}, AWS: []string{"EC2.14", "EC2.53", "EC2.54"},
		CIS: []string{"CIS 1.4 5.2", "CIS 6.0 6.3", "CIS 6.0 6.4"}},
	20:    {Prowler: []string{prowler + "tcp_ftp_port_20_21"}},
	23:    {Prowler: []string{prowlerPort + "telnet_23"}},
	1433:  {Prowler: []string{prowlerPort + "sql_server_1433_1434"}},
	1521:  {Prowler: []string{prowlerPort + "oracle_1521_2483"}},
	2483:  {Prowler: []string{prowlerPort + "oracle_1521_2483"}},
	3306:  {Prowler: []string{prowlerPort + "mysql_3306"}},
	5432:  {Prowler: []string{prowlerPort + "postgres_5432"}},
	5601:  {Prowler: []string{prowlerPort + "elasticsearch_kibana_9200_9300_5601"}},
	6379:  {Prowler: []string{prowlerPort + "redis_6379"}},
	7199:  {Prowler: []string{prowlerPort + "cassandra_7199_9160_8888"}},
	8888:  {Prowler: []string{prowlerPort + "cassandra_7199_9160_8888"}},
	9092:  {Prowler: []string{prowlerPort + "kafka_9092"}},
	9160:  {Prowler: []string{prowlerPort + "cassandra_7199_9160_8888"}},
	9200:  {Prowler: []string{prowlerPort + "elasticsearch_kibana_9200_9300_5601"}},
	9300:  {Prowler: []string{prowlerPort + "elasticsearch_kibana_9200_9300_5601"}},
	11211: {Prowler: []string{prowlerPort + "memcached_11211"}},
	27017: {Prowler: []string{prowler + "port_mongodb_27017_27018"}},
}

// What the codes of Prowler begin with.
const (
	prowler     = "ec2_securitygroup_allow_ingress_from_internet_to_"
	prowlerPort = prowler + "tcp_port_"
)

// codes are what other tools call it that the service is open to everybody.
func (s *service) codes() Also {
	if s.protocol != policy.TCP {
		return Also{}
	}
	return serviceCodes[s.from]
}
