# A deny that groups cannot say before an allow of more.
ufw deny from any port 6666 to any port 8000:8100 proto tcp
ufw allow 8000:8100/tcp
