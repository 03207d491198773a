profile 'CUPS' '631'
# A laptop: casting, printing and file sharing at home, nothing elsewhere.
ufw allow in on wlan0 from 192.168.0.0/16 to any port 1714:1764 proto tcp comment 'KDE Connect'
ufw allow in on wlan0 from 192.168.0.0/16 to any port 1714:1764 proto udp comment 'KDE Connect'
ufw allow from 192.168.0.0/16 to any app CUPS
ufw allow in on virbr0
