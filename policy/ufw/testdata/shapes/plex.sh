# A media server with a profile of its own.
profile 'plexmediaserver' '32400/tcp'
profile 'plexmediaserver-dlna' '1900/udp|32469/tcp'
profile 'plexmediaserver-find' '32410,32412:32414/udp|5353/udp'
ufw allow plexmediaserver
ufw allow from 192.168.178.0/24 to any app plexmediaserver-dlna
ufw allow from 192.168.178.0/24 to any app plexmediaserver-find
