# A host that routes for a network: rules of ufw route beside its own.
ufw default allow routed
ufw allow in on lan0 to any port 53
ufw allow in on lan0 to any port 67 proto udp
ufw allow in on lan0 to any port 22 proto tcp
ufw route allow in on lan0 out on wan0
ufw route deny in on lan0 out on wan0 to any port 25 proto tcp
