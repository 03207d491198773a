# No logging, and rules for both transports.
ufw logging off
ufw allow 53
ufw allow 22/tcp
ufw allow from 2001:db8:7::/64 to any port 8053
