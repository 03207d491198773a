# Nothing goes out but what the machine needs.
ufw default deny outgoing
ufw allow 22/tcp
ufw allow out 53
ufw allow out 123/udp comment 'NTP'
ufw allow out to 192.0.2.0/24 port 443 proto tcp comment 'mirror'
ufw allow out on eth1 to 10.0.0.0/8
ufw deny out 25/tcp
