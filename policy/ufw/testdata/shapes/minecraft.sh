# A game server with its query port and console for one address.
profile 'Minecraft' '25565'
profile 'Bedrock' '19132:19133/udp'
ufw allow Minecraft
ufw allow Bedrock
ufw allow from 192.0.2.77 to any port 25575 proto tcp comment 'RCON'
ufw deny 25575/tcp
