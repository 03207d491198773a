# Brokers talk to each other, clients to the listeners; JMX is for one host.
ufw allow in on eth1 from 10.30.0.0/24 to any port 9091:9094 proto tcp
ufw allow in on eth1 from 10.30.0.0/24 to any port 2181,2888,3888 proto tcp
ufw allow in on eth0 to any port 9093 proto tcp comment 'clients with TLS'
ufw allow from 10.30.9.9 to any port 9999 proto tcp
ufw allow 22/tcp
