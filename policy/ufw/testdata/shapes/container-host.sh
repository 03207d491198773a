# A host of containers: what is published is routed, SSH and the agent are the host's.
ufw allow 22/tcp
ufw route allow proto tcp from any to any port 80
ufw route allow proto tcp from 203.0.113.0/24 to 172.17.0.2 port 5432
ufw allow from 172.17.0.0/16 to any port 9323 proto tcp comment 'metrics of the engine'
ufw allow in on docker0
