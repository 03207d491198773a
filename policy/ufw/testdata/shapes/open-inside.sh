# Everything may come in but what is named: databases and SMB from outside.
ufw default allow incoming
ufw deny in on eth0 to any port 5432 proto tcp
ufw deny in on eth0 to any port 137:139 proto udp
ufw deny in on eth0 to any port 445 proto tcp
