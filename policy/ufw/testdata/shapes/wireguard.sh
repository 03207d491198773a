# A VPN: the tunnel's peers may reach everything, others the tunnel's port.
ufw allow 51820/udp comment 'WireGuard'
ufw allow in on wg0
ufw allow in on eth0 to any port 22 proto tcp
ufw route allow in on wg0 out on eth0
ufw route allow in on eth0 out on wg0 to 10.8.0.0/24
