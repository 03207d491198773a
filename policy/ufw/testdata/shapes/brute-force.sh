# ufw limit, for which limits=open has to be said.
ufw limit ssh/tcp comment 'six in half a minute'
ufw limit from any to any port 5900:5910 proto tcp
ufw allow 80/tcp
