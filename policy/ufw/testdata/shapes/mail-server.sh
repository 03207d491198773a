# Postfix and Dovecot; the port of the old relay is refused loudly.
ufw limit log 22/tcp
ufw allow proto tcp from any to any port 25,465,587 comment 'SMTP'
ufw allow 143,993/tcp comment 'IMAP'
ufw allow 4190/tcp comment 'ManageSieve'
ufw reject 113/tcp comment 'ident'
