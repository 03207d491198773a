# Rules that ask for ports of the other side, and for an address of this machine.
ufw allow from any port 67 to any port 68 proto udp
ufw allow from 10.50.0.1 port 53 to any proto udp
ufw allow from any to 192.0.2.10 port 443 proto tcp
ufw allow 22/tcp
ufw deny from any port 6666 to any port 7777 proto tcp
