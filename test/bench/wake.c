/*
 * Fires an eventfd at random moments, or waits for one with epoll: the other end, and the floor, of an interrupt's way to
 * JavaScript. Both speak through a page of shared memory.
 *
 *	wake fire EVENTFD MEMORY	for each number N read from stdin: N firings, then "done" on stdout
 *	wake wait EVENTFD MEMORY	for each number N: waits N times, then the latencies on stdout, nanoseconds, in one line
 *
 * The memory's first word is when the last firing was made (CLOCK_MONOTONIC, nanoseconds), its second how many wake-ups were
 * noted: the next firing follows a random while after that, 50 to 250 us. Who fires spins meanwhile: if it slept, its core and the
 * caches would be somebody else's on a busy machine, and the wake-up be measured with them.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void fire(int fd, volatile uint64_t *shared, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		const uint64_t one = 1;
		const uint64_t noted = shared[1];

		const uint64_t until = now() + 50000 + (uint64_t)rand() % 200000;
		while (now() < until)
			;
		shared[0] = now();
		if (write(fd, &one, sizeof one) != sizeof one)
			exit(1);
		while (shared[1] == noted)
			;
	}
	puts("done");
}

static void await(int fd, volatile uint64_t *shared, unsigned long count)
{
	uint64_t *latency = calloc(count, sizeof *latency);
	const int epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	if (!latency || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		exit(1);
	for (unsigned long i = 0; i < count; i++) {
		uint64_t fired;

		if (epoll_wait(epoll, &event, 1, -1) != 1 || read(fd, &fired, sizeof fired) != sizeof fired)
			exit(1);
		latency[i] = now() - shared[0];
		shared[1]++;
	}
	for (unsigned long i = 0; i < count; i++)
		printf("%llu%c", (unsigned long long)latency[i], i + 1 < count ? ' ' : '\n');
	close(epoll);
	free(latency);
}

int main(int argc, char **argv)
{
	unsigned long count;

	if (argc != 4)
		return 2;
	/* Nothing spins on after the bench. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	volatile uint64_t *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[3]), 0);
	if (shared == MAP_FAILED)
		return 1;
	setvbuf(stdout, 0, _IOFBF, 1 << 16);
	while (scanf("%lu", &count) == 1) {
		(strcmp(argv[1], "fire") ? await : fire)(atoi(argv[2]), shared, count);
		fflush(stdout);
	}
	return 0;
}
