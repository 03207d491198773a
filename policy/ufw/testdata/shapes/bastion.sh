# SSH from the offices alone, on a port of its own; monitoring from one host.
ufw allow from 203.0.113.0/24 to any port 2222 proto tcp comment 'office Berlin'
ufw allow from 198.51.100.16/28 to any port 2222 proto tcp comment 'office Lyon'
ufw allow from 2001:db8:51::/48 to any port 2222 proto tcp comment 'office Lyon'
ufw allow from 192.0.2.30 to any port 9100 proto tcp comment 'node_exporter'
