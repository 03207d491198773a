# PostgreSQL and MySQL for application servers; one of them is out of order.
ufw allow from 10.40.0.0/24 to any port 5432 proto tcp comment 'app servers'
ufw allow from 10.40.1.0/24 to any port 3306 proto tcp
ufw allow from 10.40.9.5 to any port 22 proto tcp
ufw insert 1 deny from 10.40.0.66 to any
