# A machine whose ufw leaves IPv6 out.
setting IPV6 no
ufw allow 22/tcp
ufw allow 8080/tcp
