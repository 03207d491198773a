package terraform

import (
	"strconv"
	"strings"
	"sync"
)

// preset is a rule that modules of terraform-aws-modules know by a name.
type preset struct {
	from, to int
	protocol string
}

// presetTable is what the names in the registry's module security-group mean. A line is a
// submodule and its rules; a rule that only other lines define has no ports there. Rules
// of a line with - belong to no submodule, and + marks rules that a submodule does not use.
const presetTable = `
activemq: activemq-5671-tcp 5671, activemq-8883-tcp 8883, activemq-61614-tcp 61614,
 activemq-61617-tcp 61617, activemq-61619-tcp 61619
alertmanager: alertmanager-9093-tcp 9093, alertmanager-9094-tcp 9094
carbon-relay-ng: carbon-line-in-tcp 2003, carbon-line-in-udp 2003/udp, carbon-pickle-tcp 2013,
 carbon-pickle-udp 2013/udp, carbon-gui-udp 8081, +carbon-admin-tcp 2004
cassandra: cassandra-clients-tcp 9042, cassandra-thrift-clients-tcp 9160, cassandra-jmx-tcp 7199
consul: consul-tcp 8300, consul-grpc-tcp 8502, consul-grpc-tcp-tls 8503,
 consul-webui-http-tcp 8500, consul-webui-https-tcp 8501, consul-dns-tcp 8600,
 consul-dns-udp 8600/udp, consul-serf-lan-tcp 8301, consul-serf-lan-udp 8301/udp,
 consul-serf-wan-tcp 8302, consul-serf-wan-udp 8302/udp, +consul-cli-rpc-tcp 8400
dax-cluster: dax-cluster-unencrypted-tcp 8111, dax-cluster-encrypted-tcp 9111
docker-swarm: docker-swarm-mngmt-tcp 2377, docker-swarm-node-tcp 7946,
 docker-swarm-node-udp 7946/udp, docker-swarm-overlay-udp 4789/udp
-: dns-udp 53/udp, dns-tcp 53
etcd: etcd-client-tcp 2379, etcd-peer-tcp 2380
ntp: ntp-udp 123/udp
elasticsearch: elasticsearch-rest-tcp 9200, elasticsearch-java-tcp 9300
grafana: grafana-tcp 3000
graphite-statsd: graphite-webui 80, graphite-2003-tcp 2003, graphite-2004-tcp 2004,
 graphite-2023-tcp 2023, graphite-2024-tcp 2024, graphite-8080-tcp 8080, graphite-8125-tcp 8125,
 graphite-8125-udp 8125/udp, graphite-8126-tcp 8126
http-80: http-80-tcp 80
http-8080: http-8080-tcp 8080
https-443: https-443-tcp 443
https-8443: https-8443-tcp 8443
ipsec-500: ipsec-500-udp 500/udp
ipsec-4500: ipsec-4500-udp 4500/udp
kafka: kafka-broker-tcp 9092, kafka-broker-tls-tcp 9094, kafka-broker-tls-public-tcp 9194,
 kafka-broker-sasl-scram-tcp 9096, +kafka-broker-sasl-scram-public-tcp 9196,
 kafka-broker-sasl-iam-tcp 9098, kafka-broker-sasl-iam-public-tcp 9198,
 kafka-jmx-exporter-tcp 11001, kafka-node-exporter-tcp 11002
kibana: kibana-tcp 5601
kubernetes-api: kubernetes-api-tcp 6443
ldap: ldap-tcp 389
ldaps: ldaps-tcp 636
logstash: logstash-tcp 5044
loki: loki-grafana 3100, loki-grafana-grpc 9095
memcached: memcached-tcp 11211
minio: minio-tcp 9000
mongodb: mongodb-27017-tcp 27017, mongodb-27018-tcp 27018, mongodb-27019-tcp 27019
mysql: mysql-tcp 3306
mssql: mssql-tcp 1433, mssql-udp 1434/udp, mssql-analytics-tcp 2383, mssql-broker-tcp 4022
nfs: nfs-tcp 2049
nomad: nomad-http-tcp 4646, nomad-rpc-tcp 4647, nomad-serf-tcp 4648, nomad-serf-udp 4648/udp
openvpn: openvpn-udp 1194/udp, openvpn-tcp 943, openvpn-https-tcp 443
postgresql: postgresql-tcp 5432
puppet: puppet-tcp 8140, puppetdb-tcp 8081
prometheus: prometheus-http-tcp 9090, prometheus-pushgateway-http-tcp 9091,
 prometheus-node-exporter-http-tcp 9100
promtail: promtail-http 9080
oracle-db: oracle-db-tcp 1521
-: octopus-tentacle-tcp 10933
rabbitmq: rabbitmq-4369-tcp 4369, rabbitmq-5671-tcp 5671, rabbitmq-5672-tcp 5672,
 rabbitmq-15672-tcp 15672, rabbitmq-25672-tcp 25672
rdp: rdp-tcp 3389, rdp-udp 3389/udp
redis: redis-tcp 6379
redshift: redshift-tcp 5439
saltstack: saltstack-tcp 4505-4506
smtp: smtp-tcp 25
smtp-submission: smtp-submission-587-tcp 587, smtp-submission-2587-tcp 2587
smtps: smtps-465-tcp 465, smtps-2465-tcp 2465, +smtps-2456-tcp 2465
solr: solr-tcp 8983-8987
splunk: splunk-indexer-tcp 9997, splunk-web-tcp 8000, splunk-splunkd-tcp 8089,
 splunk-hec-tcp 8088, +splunk-clients-tcp 8080
squid: squid-proxy-tcp 3128
ssh: ssh-tcp 22
storm: storm-nimbus-tcp 6627, storm-ui-tcp 8080, storm-supervisor-tcp 6700-6703
vault: vault-tcp 8200
wazuh: wazuh-server-agent-connection-tcp 1514, wazuh-server-agent-connection-udp 1514/udp,
 wazuh-server-agent-enrollment 1515, wazuh-server-agent-cluster-daemon 1516,
 wazuh-server-syslog-collector-tcp 514, wazuh-server-syslog-collector-udp 514/udp,
 wazuh-server-restful-api 55000, wazuh-indexer-restful-api 9200, wazuh-dashboard 443
web: http-80-tcp, http-8080-tcp, https-443-tcp, web-jmx-tcp 1099
winrm: winrm-http-tcp 5985, winrm-https-tcp 5986
zabbix: zabbix-server 10051, zabbix-proxy 10051, zabbix-agent 10050
zipkin: zipkin-admin-tcp 9990, zipkin-admin-query-tcp 9901, zipkin-admin-web-tcp 9991,
 zipkin-query-tcp 9411, zipkin-web-tcp 8080
zookeeper: zookeeper-2181-tcp 2181, zookeeper-2182-tls-tcp 2182, zookeeper-2888-tcp 2888,
 zookeeper-3888-tcp 3888, zookeeper-jmx-tcp 7199
-: all-tcp 0-65535, all-udp 0-65535/udp
`

// presets are the rules by name, and those of each submodule.
var presets = sync.OnceValues(func() (map[string]preset, map[string][]string) {
	rules := map[string]preset{
		"all-all":       {0, 0, "-1"},
		"all-icmp":      {-1, -1, "icmp"},
		"all-ipv6-icmp": {-1, -1, "icmpv6"},
	}
	of := map[string][]string{}
	table := strings.ReplaceAll(presetTable, "\n ", " ")
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		module, list, _ := strings.Cut(line, ": ")
		for _, rule := range strings.Split(list, ", ") {
			name, ports, defined := strings.Cut(rule, " ")
			plain := strings.TrimPrefix(name, "+")
			if plain == name && module != "-" {
				of[module] = append(of[module], name)
			}
			if !defined {
				continue
			}
			ports, protocol, udp := strings.Cut(ports, "/")
			if !udp {
				protocol = "tcp"
			}
			first, last, isRange := strings.Cut(ports, "-")
			if !isRange {
				last = first
			}
			p := preset{protocol: protocol}
			p.from, _ = strconv.Atoi(first)
			p.to, _ = strconv.Atoi(last)
			rules[plain] = p
		}
	}
	return rules, of
})

// renamed are submodules that version 6 calls otherwise, and added the rules that it gives
// some.
var (
	renamed = map[string]string{"dynamodb-dax": "dax-cluster", "oracle": "oracle-db",
		"carbon-relay": "carbon-relay-ng"}
	added = map[string][]preset{
		"cassandra":    {{7000, 7001, "tcp"}},
		"carbon-relay": {{2004, 2004, "tcp"}},
		"jmx":          {{1099, 1099, "tcp"}},
		"kafka":        {{9196, 9196, "tcp"}},
		"rabbitmq":     {{15671, 15671, "tcp"}},
	}
)
