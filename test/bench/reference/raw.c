/* Accepts every packet of queue 0 as fast as a program in C can: it talks to the kernel
 * without a library, reads up to 32 messages in one system call, and answers them in one.
 * It prints "ready" once the queue is bound and runs until it is killed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

enum { BATCH = 32, ROOM = 0x10000 + 4096, QUEUE = 0, LENGTH = 4096 };

/* A message about the queue with one attribute. */
struct request {
	struct nlmsghdr head;
	struct nfgenmsg about;
	struct nlattr attr;
	char data[12];
};

static size_t make(struct request *r, int type, int attr, const void *data, size_t n)
{
	memset(r, 0, sizeof *r);
	r->head.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type;
	r->head.nlmsg_flags = NLM_F_REQUEST;
	r->about.version = NFNETLINK_V0;
	r->about.res_id = htons(QUEUE);
	r->attr.nla_type = attr;
	r->attr.nla_len = NLA_HDRLEN + n;
	memcpy(r->data, data, n);
	return r->head.nlmsg_len = NLMSG_LENGTH(sizeof r->about) + NLA_ALIGN(r->attr.nla_len);
}

/* Sends a message about the queue and waits until the kernel has done it. */
static void configure(int fd, int attr, const void *data, size_t n)
{
	struct request r;
	char answer[256];
	size_t len = make(&r, NFQNL_MSG_CONFIG, attr, data, n);
	struct nlmsghdr *h = (void *)answer;

	r.head.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, &r, len, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 0) {
		perror("nfqueue");
		exit(1);
	}
	if (h->nlmsg_type != NLMSG_ERROR || ((struct nlmsgerr *)NLMSG_DATA(h))->error) {
		fprintf(stderr, "nfqueue: refused\n");
		exit(1);
	}
}

/* The number of the packet of a message, in network order, or 0. */
static uint32_t packet_id(const char *message, size_t n)
{
	const struct nlmsghdr *h = (const void *)message;
	size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	if (n < at || h->nlmsg_len > n || h->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return 0;
	while (at + NLA_HDRLEN <= h->nlmsg_len) {
		const struct nlattr *a = (const void *)(message + at);

		if (a->nla_len < NLA_HDRLEN)
			return 0;
		if ((a->nla_type & NLA_TYPE_MASK) == NFQA_PACKET_HDR)
			return ((const struct nfqnl_msg_packet_hdr *)(a + 1))->packet_id;
		at += NLA_ALIGN(a->nla_len);
	}
	return 0;
}

int main(void)
{
	static char room[BATCH][ROOM] __attribute__((aligned(8)));
	static struct request verdicts[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec in[BATCH], out[BATCH];
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nfqnl_msg_config_cmd bind_queue = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params whole = { .copy_range = htonl(0xffff), .copy_mode = NFQNL_COPY_PACKET };
	uint32_t length = htonl(LENGTH), gso = htonl(NFQA_CFG_F_GSO);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), buffer = 8 << 20, one = 1, i;

	if (fd < 0 || bind(fd, (void *)&kernel, sizeof kernel) || connect(fd, (void *)&kernel, sizeof kernel)) {
		perror("nfqueue");
		return 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof one);
	configure(fd, NFQA_CFG_CMD, &bind_queue, sizeof bind_queue);
	configure(fd, NFQA_CFG_PARAMS, &whole, sizeof whole);
	configure(fd, NFQA_CFG_QUEUE_MAXLEN, &length, sizeof length);
	{ /* the mask first, then the flag, in one message */
		struct { struct request r; char more[8]; } m;
		size_t n = make(&m.r, NFQNL_MSG_CONFIG, NFQA_CFG_MASK, &gso, sizeof gso);
		struct nlattr flags = { .nla_type = NFQA_CFG_FLAGS, .nla_len = NLA_HDRLEN + sizeof gso };

		memcpy((char *)&m + n, &flags, sizeof flags);
		memcpy((char *)&m + n + sizeof flags, &gso, sizeof gso);
		m.r.head.nlmsg_len = n += sizeof flags + sizeof gso;
		if (send(fd, &m, n, 0) < 0) {
			perror("nfqueue");
			return 1;
		}
	}
	for (i = 0; i < BATCH; i++) {
		in[i] = (struct iovec){ room[i], ROOM };
		messages[i].msg_hdr.msg_iov = &in[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		int k = 0, n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);

		for (i = 0; i < n; i++) {
			struct nfqnl_msg_verdict_hdr v = { htonl(NF_ACCEPT), packet_id(room[i], messages[i].msg_len) };

			if (!v.id)
				continue;
			out[k].iov_base = &verdicts[k];
			out[k].iov_len = make(&verdicts[k], NFQNL_MSG_VERDICT, NFQA_VERDICT_HDR, &v, sizeof v);
			k++;
		}
		if (k > 0) {
			struct msghdr all = { .msg_iov = out, .msg_iovlen = k };

			sendmsg(fd, &all, 0);
		}
	}
}
