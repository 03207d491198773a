# NFSv4 and v3 with fixed ports for one network.
ufw allow from 10.20.0.0/16 to any port nfs
ufw allow from 10.20.0.0/16 to any port 111
ufw allow from 10.20.0.0/16 to any port 32765:32768 proto tcp
ufw allow from 10.20.0.0/16 to any port 32765:32768 proto udp
ufw allow ssh
