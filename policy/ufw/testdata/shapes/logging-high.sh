# A telephone exchange with much logging; a network that tries passwords stands in front.
ufw logging high
ufw deny log from 198.51.100.0/24
ufw allow log 22/tcp
ufw allow 5060:5061/udp
ufw allow 10000:20000/udp comment 'RTP'
