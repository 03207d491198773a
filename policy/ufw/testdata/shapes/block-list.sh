# Addresses in front of everything, as tools that read logs put them there.
ufw allow 80,443/tcp
ufw allow 22/tcp
ufw insert 1 reject from 198.51.100.23 comment 'by fail2ban'
ufw insert 1 deny from 203.0.113.128/25
ufw prepend deny from 2001:db8:bad::/48
