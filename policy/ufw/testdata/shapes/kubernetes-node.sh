# A node of k3s: the API and the overlay among the nodes, services for all.
ufw allow from 10.60.0.0/24 to any port 6443 proto tcp
ufw allow from 10.60.0.0/24 to any port 8472 proto udp comment 'flannel'
ufw allow from 10.60.0.0/24 to any port 10250 proto tcp
ufw allow 30000:32767/tcp comment 'NodePorts'
ufw allow from 10.42.0.0/16 comment 'pods'
ufw allow from 10.43.0.0/16 comment 'services'
ufw allow 22/tcp
