# OpenVPN over both transports, DNS for its clients.
ufw allow 1194/udp
ufw allow proto tcp from any to any port 1194
ufw allow in on tun0 to any port 53
ufw allow in on tun0 from 10.8.0.0/24 to any port 3128 proto tcp
ufw allow 22/tcp
setting DEFAULT_FORWARD_POLICY ACCEPT
