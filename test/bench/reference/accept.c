/* Accepts every packet of queue 0. This is the loop of libnetfilter_queue's example
 * (utils/nfqnl_test.c) with GSO, as any program that needs speed has it. It prints
 * "ready" once the queue is bound and runs until it is killed. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <libnetfilter_queue/libnetfilter_queue.h>

static int decide(struct nfq_q_handle *q, struct nfgenmsg *m, struct nfq_data *d, void *arg)
{
	struct nfqnl_msg_packet_hdr *h = nfq_get_msg_packet_hdr(d);

	return h ? nfq_set_verdict(q, ntohl(h->packet_id), NF_ACCEPT, 0, NULL) : 0;
}

int main(void)
{
	static char buf[0x10000 + 4096] __attribute__((aligned));
	struct nfq_handle *h = nfq_open();
	struct nfq_q_handle *q;
	int fd, n;

	if (!h || !(q = nfq_create_queue(h, 0, decide, NULL)) ||
	    nfq_set_mode(q, NFQNL_COPY_PACKET, 0xffff) < 0 ||
	    nfq_set_queue_flags(q, NFQA_CFG_F_GSO, NFQA_CFG_F_GSO) < 0) {
		perror("nfqueue");
		return 1;
	}
	nfq_set_queue_maxlen(q, 4096);
	fd = nfq_fd(h);
	puts("ready");
	fflush(stdout);
	for (;;) {
		n = recv(fd, buf, sizeof buf, 0);
		if (n > 0)
			nfq_handle_packet(h, buf, n); /* an overrun loses packets, like a network */
	}
}
