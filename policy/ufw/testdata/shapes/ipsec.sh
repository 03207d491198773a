# Tunnels of another site: keys, ESP, AH, GRE and encapsulated IPv6.
ufw allow from 192.0.2.200 to any port 500,4500 proto udp
ufw allow proto esp from 192.0.2.200 to any
ufw allow proto ah from 192.0.2.200 to any
ufw allow proto gre from 192.0.2.201
ufw allow proto ipv6 from 192.0.2.202
ufw allow proto igmp from 10.0.0.0/8
