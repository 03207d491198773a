# The profile that comes with the package, for the house's network.
profile 'Samba' '137,138/udp|139,445/tcp'
ufw allow from 192.168.1.0/24 to any app Samba
ufw allow from fd12:3456:789a::/48 to any app Samba
