# Policies that answer, and logging of everything.
ufw default reject incoming
ufw default reject outgoing
ufw logging full
ufw allow log 443/tcp
ufw allow log-all 8443/tcp
ufw allow out 53/udp
ufw allow out 80,443/tcp
