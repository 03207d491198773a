# A web server as guides set it up: SSH by its profile, HTTP and HTTPS, HTTP/3.
profile 'Nginx Full' '80,443/tcp'
profile 'OpenSSH' '22/tcp'
ufw allow OpenSSH
ufw allow 'Nginx Full'
ufw allow 443/udp comment 'HTTP/3'
